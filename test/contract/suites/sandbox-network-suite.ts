import { randomUUID } from "node:crypto";
import { type EgressRequest, InfrastructureError, type Sandbox } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fixedEgress } from "../../support/fixed-egress.ts";
import { commitFiles, git, gitBytes, packFrom, tempRepo } from "../../support/git.ts";
import {
  bytes,
  INTERFACES,
  LABELS_OF_TEST,
  LIMITS,
  type MakeHarness,
  openPlain,
  PLAIN,
  plainImage,
  printed,
  type SandboxHarness,
  sh,
} from "./sandbox-harness.ts";

const MIB = 1024 * 1024;

/** A frame on the supervisor's own stdout, as anything in a sandbox can write one. */
const forged = (header: object, body = 0) =>
  `node -e 'const h = Buffer.from(JSON.stringify(${JSON.stringify(header)})); const p = Buffer.alloc(8); p.writeUInt32BE(h.length); p.writeUInt32BE(${body}, 4); const fs = require("fs"); fs.writeSync(fs.openSync("/proc/'$PPID'/fd/1", "w"), Buffer.concat([p, h, Buffer.alloc(${body})]))'; sleep 60`;

const fetched = (path: string) =>
  `node -e 'require("http").get({ host: "127.0.0.1", port: 3128, path: "${path}", headers: { host: "files.test" } }, async (r) => { let n = 0; for await (const c of r) n += c.length; console.log(r.statusCode, n); })'`;

const dialled = `node -e 'require("net").connect(3128, "127.0.0.1").on("connect", () => console.log("connected")).on("error", (e) => console.log(e.code))'`;

export const sandboxNetworkSuite = (make: MakeHarness) =>
  describe("network", () => {
    const egress = fixedEgress();
    let harness: SandboxHarness;
    beforeAll(async () => {
      harness = await make({ egress });
    });
    afterAll(() => harness[Symbol.asyncDispose]());

    const openNetworked = async (requests: EgressRequest[] = []): Promise<Sandbox> =>
      harness.sandboxes.open({
        image: await plainImage(harness),
        limits: LIMITS,
        env: {},
        labels: LABELS_OF_TEST,
        network: { hosts: [], onRequest: (request) => void requests.push(request) },
      });

    it("is none where none was asked for: no proxy, no name, no variable", async () => {
      await using sandbox = await openPlain(harness);
      expect(await printed(sandbox, dialled)).toBe("ECONNREFUSED");
      expect(await printed(sandbox, "env | grep -ci proxy || true")).toBe("0");
      expect((await sh(sandbox, "getent hosts registry.npmjs.org")).exitCode).not.toBe(0);
    });

    it("is none where there is no proxy to give, for set-up as well", async () => {
      await using without = await make();
      const setup = [`${dialled}; env | grep -ci proxy; echo ${randomUUID()}`];
      const built = await without.sandboxes.environment({ ...PLAIN, setup }, {});
      without.discardLater(built.image);
      expect(built.log).toContain("\nECONNREFUSED\n0\n");
    });

    it("is the proxy on loopback and still no route and no name to anywhere", async () => {
      await using sandbox = await openNetworked();
      expect(await printed(sandbox, fetched("/bytes/5"))).toBe("200 5");
      expect(await printed(sandbox, "echo $http_proxy $FIXED_EGRESS; cat ~/.npmrc")).toBe(
        "http://127.0.0.1:3128 1\nregistry=http://127.0.0.1:3128/npm/",
      );
      expect((await sh(sandbox, "getent hosts registry.npmjs.org")).exitCode).not.toBe(0);
      expect(await printed(sandbox, INTERFACES)).toBe("lo");
    });

    it("carries two downloads of 50 MB whole while commands are answered", async () => {
      await using sandbox = await openNetworked();
      let done = false;
      const downloads = Promise.all(
        [1, 2].map(() => sh(sandbox, fetched(`/bytes/${50 * MIB}`), 60_000)),
      ).finally(() => {
        done = true;
      });
      let answers = 0;
      while (!done) {
        expect(await printed(sandbox, "echo on")).toBe("on");
        answers += 1;
      }
      const printedBy = (await downloads).map(({ output }) => output);
      expect(printedBy).toEqual([`200 ${50 * MIB}\n`, `200 ${50 * MIB}\n`]);
      expect(answers).toBeGreaterThan(1);
    });

    it("lets a reader that stops hold up nobody but itself", async () => {
      await using sandbox = await openNetworked();
      const stalled = `node -e 'require("http").get({ host: "127.0.0.1", port: 3128, path: "/bytes/${200 * MIB}" }, (r) => console.log("stalled")); setInterval(() => {}, 1000)'`;
      const running = sh(sandbox, stalled, 5000);
      expect(await printed(sandbox, fetched(`/bytes/${5 * MIB}`))).toBe(`200 ${5 * MIB}`);
      expect(await running).toMatchObject({ timedOut: true, output: "stalled\n" });
      await vi.waitFor(() => expect(egress.open()).toBe(0));
    });

    it("tells of each request, the refused ones too", async () => {
      const requests: EgressRequest[] = [];
      await using sandbox = await openNetworked(requests);
      expect(await printed(sandbox, fetched("/elsewhere"))).toBe("403 7");
      expect(requests).toMatchObject([
        { phase: "research", host: "files.test", path: "/elsewhere", outcome: "refused" },
      ]);
    });

    it("leaves no address of the proxy in a lockfile that is kept, and touches nothing else", async () => {
      await using repo = await tempRepo();
      const url = "http://127.0.0.1:3128/npm/a.tgz";
      const canonical = "https://registry.test/a.tgz";
      const base = await commitFiles(repo.path, {
        ".gitignore": "ignored/\n",
        "same/package-lock.json": `"${canonical}"\n`,
        "run/package-lock.json": { run: "old\n" },
      });
      await using sandbox = await openNetworked();
      await sandbox.checkout(packFrom(repo.path, `--shallow ${base}`, base), base);
      const written = [
        ...["package-lock.json", "run/package-lock.json", "new folder/package-lock.json"],
        ...["notes.txt", "ignored/package-lock.json"],
      ];
      for (const path of written)
        await sandbox.write(path, Buffer.from(`\xff"${url}"\r\n`, "latin1"));
      await printed(sandbox, "ln -s notes.txt link && mkfifo pipe && touch -d @1 same/*");
      const { pack, commit } = await sandbox.snapshot(base);
      gitBytes(repo.path, ["index-pack", "--stdin", "--strict"], pack);
      const kept = (path: string) =>
        gitBytes(repo.path, ["show", `${commit}:${path}`]).toString("latin1");
      for (const path of written.slice(0, 3)) {
        expect(kept(path)).toBe(`\xff"${canonical}"\r\n`);
        const { bytes: seen = "" } = (await sandbox.read(path, 1000)) ?? {};
        expect(Buffer.from(seen).toString("latin1")).toBe(kept(path));
      }
      expect(kept("notes.txt")).toContain(url);
      expect(await printed(sandbox, "cat ignored/package-lock.json")).toContain(url);
      expect(await printed(sandbox, "stat -c %Y same/package-lock.json")).toBe("1");
      expect(git(repo.path, "ls-tree", commit, "run/package-lock.json")).toMatch(/^100755/);
    });

    it("ends its connections with the sandbox", async () => {
      await using sandbox = await openNetworked();
      const held = sh(sandbox, fetched("/held"), 60_000).catch((error: unknown) => error);
      await vi.waitFor(() => expect(egress.open()).toBe(1), { timeout: 10_000 });
      await sandbox[Symbol.asyncDispose]();
      expect(egress.open()).toBe(0);
      expect(await held).toBeInstanceOf(InfrastructureError);
    });

    it.each([
      ["data of a connection that was never opened", { net: "data", conn: 1 }, 10],
      ["a connection out of turn", { net: "open", conn: 7 }, 0],
      ["credit without a connection", { net: "credit", conn: 3, bytes: 1 }, 0],
      ["an event that is none", { net: "listen", conn: 1 }, 0],
      ["more data than a frame may hold", { net: "data", conn: 1 }, 65 * 1024],
    ])("that is forged loses the sandbox and nothing else: %s", async (_, header, body) => {
      await using other = await openNetworked();
      await using sandbox = await openNetworked();
      await expect(sh(sandbox, forged(header, body), 60_000)).rejects.toThrow(/sandbox was lost/);
      expect(await printed(other, fetched("/bytes/3"))).toBe("200 3");
    });

    it("loses a sandbox that opens connections and reads no answer", async () => {
      await using sandbox = await openNetworked();
      const flood = `kill -STOP $PPID; node -e 'const fs = require("fs"); const out = fs.openSync("/proc/'$PPID'/fd/1", "w"); for (let conn = 1; conn < 400000; conn += 1) { const h = Buffer.from(JSON.stringify({ net: "open", conn })); const p = Buffer.alloc(8); p.writeUInt32BE(h.length); fs.writeSync(out, Buffer.concat([p, h])); }'; sleep 60`;
      await expect(sh(sandbox, flood, 55_000)).rejects.toThrow(/does not read/);
    });

    it("that is forged where there is none loses the sandbox", async () => {
      await using sandbox = await openPlain(harness);
      const forge = forged({ net: "open", conn: 1 });
      await expect(sh(sandbox, forge, 60_000)).rejects.toThrow(InfrastructureError);
    });

    it("is there while an environment is set up, and none of its settings stay but Cargo's", async () => {
      const requests: EgressRequest[] = [];
      const lock = { path: "package-lock.json", executable: false };
      const setup = [
        `cat package-lock.json > seen.txt; cat ~/.npmrc; echo ${randomUUID()}`,
        fetched("/bytes/7"),
      ];
      const built = await harness.sandboxes.environment(
        { ...PLAIN, setup, files: [{ ...lock, bytes: bytes("https://registry.test/a.tgz\n") }] },
        { onRequest: (request) => void requests.push(request) },
      );
      harness.discardLater(built.image);
      expect(built.log).toContain("registry=http://127.0.0.1:3128/npm/\n");
      expect(built.log).toContain("200 7\n");
      expect(requests).toMatchObject([{ phase: "setup", path: "/bytes/7", outcome: "allowed" }]);
      await using sandbox = await openPlain(harness, { image: built.image });
      const added = "find ~ -type f ! -name '.bash*' ! -name .profile";
      expect(await printed(sandbox, `cat seen.txt; ${added}; env | grep -c FIXED; :`)).toBe(
        "http://rewritten/a.tgz\n/home/agent/.cargo/config.toml\n0",
      );
    });

    it("names the refused hosts where set-up failed", async () => {
      const setup = [`${fetched("/elsewhere")}; echo ${randomUUID()}; exit 4`];
      const failed = harness.sandboxes.environment({ ...PLAIN, setup }, {});
      await expect(failed).rejects.toMatchObject({ exitCode: 4, refused: ["files.test"] });
    });

    it("that set-up breaks by forging is set-up's own failure", async () => {
      const forge = `node -e 'const fs = require("fs"); for (const p of fs.readdirSync("/proc")) try { if (fs.readFileSync("/proc/" + p + "/cmdline", "latin1").includes("/supervisor.mjs")) fs.writeSync(fs.openSync("/proc/" + p + "/fd/1", "w"), "x".repeat(99)) } catch {}'; sleep 60`;
      const failed = harness.sandboxes.environment({ ...PLAIN, setup: [forge] }, {});
      await expect(failed).rejects.toMatchObject({
        name: "SetupFailedError",
        log: expect.stringContaining("set-up was ended: the sandbox was lost"),
      });
    });
  });
