import { rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { EgressRequest, Sandbox } from "@headrace/domain";
import { createEgress } from "@headrace/sandbox";
import { expect } from "vitest";
import { LABELS_OF_TEST, plainImage, printed, sh } from "../../contract/suites/sandbox-harness.ts";
import { PUBLIC } from "../../support/egress-rig.ts";
import { dockerHarness } from "../../support/engine.ts";
import { git, gitBytes, tempRepo } from "../../support/git.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";
import { handIn, LIMITS, type Stage } from "../stage.ts";
import { listenersOf } from "./e-destinations.ts";

const HOST = "listed.example";

/** A research sandbox behind the real proxy; where a connection would leave, it meets this host's listeners. */
const research = (stage: Stage) =>
  stage.once("research", async (closing) => {
    const listeners = await listenersOf(stage);
    const requests: EgressRequest[] = [];
    const dialled: string[] = [];
    const egress = createEgress({
      registries: [],
      resolve: async (host) => (host.startsWith("rebound") ? ["127.0.0.1"] : [PUBLIC]),
      dial: (addresses) => {
        dialled.push(...addresses);
        return connect(listeners.port, "127.0.0.1");
      },
    });
    closing.use(egress);
    const harness = closing.use(await dockerHarness({ egress }));
    const sandbox = closing.use(
      await harness.sandboxes.open({
        image: await plainImage(harness),
        limits: LIMITS,
        env: {},
        labels: LABELS_OF_TEST,
        network: {
          hosts: [HOST, "rebound.listed.example"],
          onRequest: (request) => void requests.push(request),
        },
      }),
    );
    return { sandbox, requests, dialled };
  });
type Research = Awaited<ReturnType<typeof research>>;

/** Sends these bytes to the proxy's port, as Python writes them, and prints what comes back. */
const raw = (sandbox: Sandbox, bytes: string): Promise<string> =>
  printed(
    sandbox,
    `python3 - <<'END'\nimport socket\ns = socket.create_connection(("127.0.0.1", 3128), 5)\ns.sendall(${bytes})\ntry: print(s.recv(2000).decode("latin1"))\nexcept OSError: print("closed")\nEND`,
  );

/** A ClientHello for a name, or for none, as Python writes one into `first`. */
const hello = (name?: string): string => `
c = ssl.create_default_context()
c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
made = ssl.MemoryBIO()
t = c.wrap_bio(ssl.MemoryBIO(), made, server_hostname=${name === undefined ? "None" : `"${name}"`})
try: t.do_handshake()
except ssl.SSLWantReadError: pass
first = made.read()`;

/** Sends what Python makes `first` through a tunnel to the listed host, once the proxy has said that it is open. */
const tunnelled = async (sandbox: Sandbox, first: string): Promise<void> => {
  const program = `import socket, ssl
${first}
s = socket.create_connection(("127.0.0.1", 3128), 5)
s.sendall(b"CONNECT ${HOST}:443 HTTP/1.1\\r\\nHost: ${HOST}:443\\r\\n\\r\\n")
print(s.recv(2000).decode("latin1"))
s.sendall(first)
try:
    while s.recv(2000): pass
except OSError: pass
print("sent", len(first))`;
  const out = await printed(sandbox, `python3 - <<'END'\n${program}\nEND`);
  expect(out).toMatch(/^HTTP\/1\.1 200 /);
  expect(out).toMatch(/^sent [1-9]/m);
};

/** What the proxy must refuse, without having connected anywhere, and write down. */
const refusedByProxy = (id: string, title: string, ...requests: string[]): HostileCase =>
  hostile<Research>({
    id,
    title,
    verdict: "refused",
    build: research,
    async run({ sandbox, requests: told, dialled }): Promise<Verdict> {
      const [before, dialledBefore] = [told.length, dialled.length];
      for (const request of requests) {
        const answer = await raw(sandbox, request);
        expect(answer).not.toContain("you got through");
        expect(answer).not.toMatch(/^HTTP\/1.1 2/);
      }
      expect(dialled.slice(dialledBefore)).toEqual([]);
      for (const one of told.slice(before)) expect(one.outcome).toBe("refused");
      expect(told.length).toBeGreaterThan(before);
      return "refused";
    },
  });

const to = (authority: string): string =>
  `b"CONNECT ${authority} HTTP/1.1\\r\\nHost: ${authority}\\r\\n\\r\\n"`;
const get = (url: string, host: string): string =>
  `b"GET ${url} HTTP/1.1\\r\\nHost: ${host}\\r\\n\\r\\n"`;
const send = (method: string, path: string): string =>
  `b"${method} ${path} HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 6\\r\\n\\r\\nsecret"`;

const PROXIED: readonly HostileCase[] = [
  refusedByProxy(
    "E08a",
    "CONNECT to addresses of the host and of metadata",
    to("127.0.0.1:443"),
    to("169.254.169.254:443"),
    to("172.17.0.1:443"),
    to("2130706433:443"),
  ),
  refusedByProxy(
    "E08b",
    "CONNECT to a listed name that resolves to loopback",
    to("rebound.listed.example:443"),
  ),
  refusedByProxy(
    "E08c",
    "CONNECT to a listed host on the port of another server",
    to(`${HOST}:22`),
    to(`${HOST}:6379`),
  ),
  refusedByProxy(
    "E09",
    "a host with a NUL, and a listed one at its end",
    to(`attacker.example\\0.${HOST}:443`),
    to(`attacker.example%00.${HOST}:443`),
    to(`x.${HOST}:443`),
  ),
  refusedByProxy(
    "E11",
    "the target of a redirect that is not listed",
    get("http://attacker.example/next", "attacker.example"),
  ),
  refusedByProxy(
    "E12",
    "a Host header that is not the host",
    get(`http://${HOST}/`, "attacker.example"),
  ),
  refusedByProxy(
    "E13",
    "publishing to a registry",
    send("PUT", "/npm/left-pad"),
    send("POST", "/npm/-/v1/login"),
    send("DELETE", "/npm/left-pad/-rev/1"),
  ),
  ...(
    [
      ["E10a", "bytes that are no TLS", `first = b"x-api-key: attacker\\r\\n\\r\\n"`, /not TLS/],
      ["E10b", "TLS for another name", hello("attacker.example"), /another server/],
      ["E10c", "TLS for no name", hello(), /names no server/],
    ] as const
  ).map(([id, what, bytes, detail]) =>
    hostile<Research>({
      id,
      title: `${what} in a tunnel to a listed host`,
      verdict: "refused",
      build: research,
      async run({ sandbox, requests }, stage): Promise<Verdict> {
        const before = requests.length;
        const listeners = await listenersOf(stage);
        await tunnelled(sandbox, bytes);
        const refused = { host: HOST, method: "CONNECT", outcome: "refused", bytesUp: 0 };
        await expect.poll(() => requests.slice(before)).toMatchObject([refused]);
        expect(requests.at(-1)?.detail).toMatch(detail);
        // one connection, which counts as one, and no byte in it
        expect(Object.values(listeners.heard())).toEqual([1]);
        listeners.forget();
        return "refused";
      },
    }),
  ),
  hostile<Research>({
    id: "E10d",
    title: "TLS for a listed host, which is the capability that its entry grants",
    verdict: "contained",
    build: research,
    async run({ sandbox, requests, dialled }, stage): Promise<Verdict> {
      const before = requests.length;
      await tunnelled(sandbox, hello(HOST));
      // told, and not stopped (docs/hostile-corpus.md): so would the others arrive, were they not refused
      expect(dialled.at(-1)).toBe(PUBLIC);
      await expect
        .poll(() => requests.slice(before))
        .toMatchObject([{ host: HOST, outcome: "allowed" }]);
      expect(requests.at(-1)?.bytesUp).toBeGreaterThan(0);
      const listeners = await listenersOf(stage);
      expect(listeners.heard()).not.toEqual({});
      listeners.forget();
      return "contained";
    },
  }),
];

/** Every object of a thin pack, as git reads it; `base` has what it is made against. */
const objectsIn = async (pack: Uint8Array, base: string): Promise<string> => {
  await using repo = await tempRepo();
  await writeFile(join(repo.path, ".git/objects/info/alternates"), `${base}/.git/objects\n`);
  gitBytes(repo.path, ["index-pack", "--stdin", "--fix-thin"], pack);
  // without the base's own objects, which are not in the pack
  await rm(join(repo.path, ".git/objects/info/alternates"));
  return git(repo.path, "cat-file", "--batch-all-objects", "--batch");
};

const leaks = (
  id: string,
  title: string,
  verdict: Verdict,
  run: (sandbox: Sandbox, stage: Stage) => Promise<unknown>,
): HostileCase =>
  hostile({
    id,
    title,
    verdict,
    build: (stage) => stage.shared(),
    async run(sandbox, stage) {
      await run(sandbox, stage);
      return verdict;
    },
  });

const LEAKS: readonly HostileCase[] = [
  leaks(
    "E14",
    "a canary in the agent's own commits, branches, tags and author",
    "sanitised",
    async (sandbox, stage) => {
      await sh(
        sandbox,
        "rm -rf ./* .git; git init -q -b cnry-branch; echo x > work.txt; git add -A; git -c user.name=cnry-author -c user.email=a@b commit -qm cnry-message; git tag cnry-tag",
      );
      // they were made, and are in no object that leaves: a pack is compressed, so each is read
      const own = await sh(sandbox, "git log --all --format='%s %an %D'");
      expect(own.output).toMatch(/cnry-message cnry-author .*cnry-(?:branch|tag)/);
      const { commit } = await stage.base();
      const snapshot = await sandbox.snapshot(commit);
      const objects = await objectsIn(snapshot.pack, (await stage.base()).path);
      expect(objects).toContain("work.txt");
      expect(objects).toContain(`parent ${commit}`);
      expect(objects).not.toContain("cnry");
      await handIn(stage, sandbox);
    },
  ),
  leaks(
    "E19",
    "the engine's socket and everything that looks like one",
    "contained",
    async (sandbox) => {
      expect(await printed(sandbox, "find / -xdev -type s 2>/dev/null; true")).toBe("");
    },
  ),
  leaks("E20", "a descriptor that was inherited", "contained", async (sandbox) => {
    const fds = await printed(
      sandbox,
      "for fd in /proc/self/fd/*; do readlink $fd; done | sort -u",
    );
    const ordinary = /^(?:\/dev\/null|pipe:\[\d+\]|\/(?:proc|tmp|workspace|opt\/headrace)\/.*)$/;
    for (const target of fds.split("\n").filter(Boolean)) expect(target).toMatch(ordinary);
  }),
];

export const PROXY_CASES: readonly HostileCase[] = [...PROXIED, ...LEAKS];
