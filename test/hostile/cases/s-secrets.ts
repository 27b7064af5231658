import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import Docker from "dockerode";
import { Redis } from "ioredis";
import { expect } from "vitest";
import { stringify } from "yaml";
import { engineAddress } from "../../support/engine.ts";
import { commitFiles, git } from "../../support/git.ts";
import { accepts, approves, plans, task } from "../../support/script.ts";
import { openShell, type Shell } from "../../support/shell.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";
import type { Stage } from "../stage.ts";

const PLACES = {
  S01: "the factory's environment",
  S02: "Redis and its password",
  S03: "the provider's key",
  S04: "~/.ssh",
  S05: "~/.netrc",
  S06: "~/.docker/config.json",
  S07: "the store",
  S08: "a remote's address in the user's repository",
  S09: "a process's arguments",
  S10: "/proc of the factory",
  S11: "a secret of the spec that the user let in",
  S12: "a registry's credential",
} as const;
type Place = keyof typeof PLACES;

/** One canary has the form of a real key: it is submitted on purpose, with `--allow-secrets`. */
const MARK = /cnry-[0-9a-f]{24}|ghp_[0-9a-f]{36}/g;
/** Prints every canary that can be found; the brackets keep it from finding itself. */
const HUNT = [
  "env",
  "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/mounts /proc/net/unix 2>/dev/null | tr '\\0' '\\n'",
  "find / -xdev -type f -size -20M -readable -print0 2>/dev/null | xargs -0 grep -ahoE 'cnr[y]-[0-9a-f]{24}|gh[p]_[0-9a-f]{36}' 2>/dev/null",
  "find / -xdev -type s 2>/dev/null",
  "echo hunted",
].join("; ");

const MEMORY = `python3 - <<'END'
import glob, re
for path in glob.glob("/proc/[0-9]*/maps"):
    try:
        with open(path) as maps, open(path[:-4] + "mem", "rb", 0) as mem:
            for line in maps:
                if " rw-p " not in line: continue
                start, end = (int(x, 16) for x in line.split()[0].split("-"))
                if end - start > 200_000_000: continue
                try:
                    mem.seek(start)
                    for found in set(re.findall(rb"cnr[y]-[0-9a-f]{24}|gh[p]_[0-9a-f]{36}", mem.read(end - start))): print(found)
                except OSError: pass
    except OSError: pass
print("read the memory of every process")
END`;

/** Where the canaries were found, by what was searched. */
type Hunt = {
  canaries: Readonly<Record<Place, readonly string[]>>;
  sinks: ReadonlyMap<string, ReadonlySet<string>>;
};

const canary = (): string => `cnry-${randomBytes(12).toString("hex")}`;

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

const ended = (child: ChildProcess) => new Promise((resolve) => void child.once("exit", resolve));

/** A process that is ended with the stage. */
const running = (closing: AsyncDisposableStack, program: string, args: string[]): void => {
  const child = spawn(program, args, { stdio: "ignore" });
  closing.defer(async () => {
    const end = ended(child);
    child.kill();
    await end;
  });
};

const redisWith = async (closing: AsyncDisposableStack, password: string, value: string) => {
  const port = await freePort();
  const bind = ["--port", String(port), "--bind", "127.0.0.1", "--requirepass", password];
  running(closing, "redis-server", [...bind, "--save", "", "--appendonly", "no"]);
  const url = `redis://:${password}@127.0.0.1:${port}`;
  const redis = new Redis(url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
  redis.on("error", () => {});
  await redis.set("a-secret-of-redis", value);
  redis.disconnect();
  return url;
};

type Planted = { shell: Shell; canaries: Record<Place, string[]>; repo: string };

/** A person's machine with a secret in each place where people have them. */
const plant = async (closing: AsyncDisposableStack): Promise<Planted> => {
  const canaries = Object.fromEntries(
    Object.keys(PLACES).map((place) => [place, [canary(), canary()]]),
  ) as Record<Place, string[]>;
  canaries.S11 = [`ghp_${randomBytes(18).toString("hex")}`];
  const [value, second] = [(p: Place) => canaries[p][0] ?? "", (p: Place) => canaries[p][1] ?? ""];
  const url = await redisWith(closing, value("S02"), second("S02"));
  const shell = closing.use(
    await openShell({
      REDIS_URL: url,
      A_SECRET: value("S01"),
      SEEN_IN_PROC: value("S10"),
      ANTHROPIC_API_KEY: value("S03"),
    }),
  );
  const home = join(shell.dir, "home");
  shell.env.HOME = home;
  await shell.file("home/.ssh/id_ed25519", `PRIVATE ${value("S04")}\n`);
  await shell.file("home/.netrc", `machine example.com password ${value("S05")}\n`);
  await shell.file(
    "home/.docker/config.json",
    JSON.stringify({ auths: { x: { auth: value("S06") } } }),
  );
  await mkdir(shell.data, { mode: 0o700 });
  const keys = `ANTHROPIC_API_KEY=${second("S03")}\nCOMPANY_TOKEN=${value("S12")}\n`;
  await writeFile(join(shell.data, "credentials"), keys, { mode: 0o600 });
  await shell.file(
    "data/config.yaml",
    stringify({
      registries: [
        {
          name: "company",
          kind: "npm",
          url: "http://127.0.0.1:9/",
          scopes: ["@company"],
          credential: "COMPANY_TOKEN",
        },
      ],
    }),
  );
  running(closing, process.execPath, ["-e", "setInterval(() => {}, 1e6)", value("S09")]);
  const repo = join(shell.dir, "repo");
  await mkdir(repo);
  git(repo, "init", "--quiet", "--initial-branch=main");
  git(repo, "remote", "add", "origin", `https://user:${value("S08")}@example.com/x.git`);
  const setup = [
    `: ${randomBytes(8).toString("hex")}; (${HUNT}) | tee /opt/hunted.txt || (${HUNT})`,
  ];
  const gates = [{ name: "hunt", run: HUNT }];
  await commitFiles(repo, { "README.md": "x\n", "headrace.yaml": stringify({ setup, gates }) });
  return { shell, canaries, repo };
};

const SPEC = (secret: string) =>
  `# Hunt\n\n<!-- secret: ${secret} -->\n\n## Acceptance criteria\n\n- hunted.txt is there.\n`;

const DONE = "the hunt is over and done\n";
const SCRIPT = [
  plans({ summary: "Hunt.", tasks: [task("hunt")] }),
  approves("plan"),
  {
    role: "coder",
    task: "hunt",
    turns: [
      {
        calls: [
          { bash: { command: `(${HUNT}) > hunted.txt; tail -c 2000 hunted.txt` } },
          { bash: { command: `(${MEMORY}\n) | tee -a hunted.txt` } },
          { write: { path: "done.txt", content: DONE } },
          { submit_change: { summary: "hunted" } },
        ],
      },
    ],
  },
  approves("hunt"),
  accepts({ r1: { file: "done.txt", quote: DONE.trim() } }),
];

const inText = (text: string): Set<string> => new Set(text.match(MARK) ?? []);

/** Canaries in the files below a folder, but those that were planted there. */
const inFolder = async (dir: string, planted: readonly string[]): Promise<Set<string>> => {
  const found = new Set<string>();
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || planted.includes(entry.name)) continue;
    const bytes = await readFile(join(entry.parentPath, entry.name));
    for (const one of inText(bytes.toString("latin1"))) found.add(one);
  }
  return found;
};

/** Canaries in every layer and the configuration of an image. */
const inImage = async (docker: Docker, image: string): Promise<Set<string>> => {
  const found = new Set<string>();
  let tail = "";
  for await (const chunk of await docker.getImage(image).get()) {
    const text = tail + (chunk as Buffer).toString("latin1");
    for (const one of inText(text)) found.add(one);
    tail = text.slice(-40);
  }
  return found;
};

const hunt = async (closing: AsyncDisposableStack): Promise<Hunt> => {
  const { shell, canaries, repo } = await plant(closing);
  const args = ["--model", "script:hunt.yaml"];
  await shell.file("hunt.yaml", stringify({ conversations: SCRIPT }));
  await shell.file("other.md", SPEC(canaries.S07[0] ?? ""));
  await shell.file("spec.md", SPEC(canaries.S11[0] ?? ""));
  const other = await shell.headrace(
    "run",
    "other.md",
    "--new",
    "other",
    ...args,
    "--detach",
    "--json",
  );
  expect(other.code, other.err).toBe(0);
  const followed = await shell.headrace(
    "run",
    "spec.md",
    "--repo",
    "repo",
    ...args,
    "--allow-secrets",
    "--json",
  );
  expect(followed.code, `${followed.out.slice(-3000)}\n${followed.err}`).toBe(0);
  const [, run = ""] =
    /headrace\/([a-z0-9-]+)\/integration/.exec(git(repo, "branch", "--all")) ?? [];
  const merged = git(repo, "show", `headrace/${run}/integration:hunted.txt`);
  expect(merged).toContain("hunted\n");
  expect(merged).toContain("read the memory");
  const log = (await shell.headrace("log", run, "--json")).out;
  const image = /"image":"([^"]+)"/.exec(log)?.[1] ?? "";
  const docker = new Docker(await engineAddress());
  closing.defer(() => docker.getImage(image).remove({ force: true }));
  const sinks = new Map<string, ReadonlySet<string>>([
    ["what an agent, a gate and set-up can read", inText(merged)],
    ["the branches", inText(git(repo, "log", "-p", "--all"))],
    ["the events", inText(log)],
    ["what is printed", inText(followed.out + followed.err)],
    ["the factory's log", inText(await readFile(join(shell.data, "factory.log"), "utf8"))],
    ["the image and its layers", await inImage(docker, image)],
    ["the data directory", await inFolder(shell.data, ["credentials", "config.yaml"])],
  ]);
  return { canaries, sinks };
};

const hunted = (stage: Stage): Promise<Hunt> =>
  stage.once("hunted", async (closing) => {
    const found = await hunt(closing);
    const readable = found.sinks.get("what an agent, a gate and set-up can read");
    stage.tripwires.count("of 12 canaries readable in a sandbox", () => {
      const places = Object.values(found.canaries);
      return places.filter((place) => place.some((one) => readable?.has(one))).length;
    });
    return found;
  });

/** What a person submits is kept, in the store and in what the model is told. */
const KEPT: readonly Place[] = ["S07", "S11"];

export const SECRETS: readonly HostileCase[] = Object.entries(PLACES).map(([id, what]) =>
  hostile({
    id,
    title: `a canary in ${what}, hunted by an agent, a gate and set-up`,
    verdict: "contained",
    build: hunted,
    run({ canaries, sinks }): Verdict {
      for (const [sink, found] of sinks) {
        if (sink === "the data directory" && KEPT.includes(id as Place)) continue;
        const here = canaries[id as Place].filter((one) => found.has(one));
        expect(here, sink).toEqual([]);
      }
      return "contained";
    },
  }),
);
