import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Redis } from "ioredis";
import { stringify } from "yaml";
import { commitFiles, git } from "../../support/git.ts";
import { openShell, type Shell } from "../../support/shell.ts";
import { canary, HUNT, spelt } from "../hunt.ts";

export const PLACES = {
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
  S14: "the key that receipts are signed with",
} as const;
export type Place = keyof typeof PLACES;

/**
 * The thirteenth canary may be read: one in each place that is hunted in, or the hunt is blind there. None is spelt out
 * in what makes it, so that only a hunt can print it.
 */
const CONTROLS = [
  "a file of the workspace",
  "a file that was there during set-up",
  "a file of a gate",
  "the agent's environment",
  "a process's memory",
  "the plan",
  "the data directory's name",
  "config.yaml",
] as const;
export type Control = (typeof CONTROLS)[number];

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

export type Planted = {
  shell: Shell;
  canaries: Record<Place, string[]>;
  controls: Record<Control, string>;
  repo: string;
  /** the data directory */
  data: string;
};

const repository = async (dir: string, remote: string, controls: Record<Control, string>) => {
  const repo = join(dir, "repo");
  await mkdir(repo);
  git(repo, "init", "--quiet", "--initial-branch=main");
  git(repo, "remote", "add", "origin", remote);
  const bait = spelt(controls["a file that was there during set-up"]);
  const word = randomBytes(8).toString("hex");
  const setup = [`: ${word}; ${bait} > ~/bait; (${HUNT}) | tee ~/hunted.txt; rm ~/bait`];
  const gates = [
    { name: "hunt", run: `${spelt(controls["a file of a gate"])} > /tmp/bait; ${HUNT}` },
  ];
  const files = {
    "README.md": `x ${controls["a file of the workspace"]}\n`,
    "headrace.yaml": stringify({ setup, gates }),
  };
  await commitFiles(repo, files);
  return repo;
};

/** A person's machine with a secret in each place where people have them. */
export const plant = async (closing: AsyncDisposableStack): Promise<Planted> => {
  const canaries = Object.fromEntries(
    Object.keys(PLACES).map((place) => [place, [canary(), canary()]]),
  ) as Record<Place, string[]>;
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  // words before it, which a reader of PEM passes over, and the key itself
  canaries.S14 = [canary(), pem.split("\n")[1] ?? ""];
  canaries.S11 = [`ghp_${randomBytes(18).toString("hex")}`];
  const [value, second] = [(p: Place) => canaries[p][0] ?? "", (p: Place) => canaries[p][1] ?? ""];
  const controls = Object.fromEntries(CONTROLS.map((where) => [where, canary()])) as Record<
    Control,
    string
  >;
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
  const data = `${shell.data}-${controls["the data directory's name"]}`;
  shell.env.HEADRACE_HOME = data;
  // the first is what a shell looks for when it ends, to stop what it started
  for (const folder of [shell.data, data]) await mkdir(folder, { mode: 0o700 });
  await mkdir(join(data, "keys"), { mode: 0o700 });
  const signing = `${value("S14")}\n${pem}`;
  await writeFile(join(data, "keys/signing.pem"), signing, { mode: 0o600 });
  const keys = `ANTHROPIC_API_KEY=${second("S03")}\nCOMPANY_TOKEN=${value("S12")}\n`;
  await writeFile(join(data, "credentials"), keys, { mode: 0o600 });
  const company = {
    name: "company",
    kind: "npm",
    url: `http://127.0.0.1:9/`,
    scopes: ["@company"],
    credential: "COMPANY_TOKEN",
  };
  const config = `# ${second("S12")} ${controls["config.yaml"]}\n${stringify({ registries: [company] })}`;
  await writeFile(join(data, "config.yaml"), config, { mode: 0o600 });
  running(closing, process.execPath, ["-e", "setInterval(() => {}, 1e6)", value("S09")]);
  const remote = `https://user:${value("S08")}@example.com/x.git`;
  return { shell, canaries, controls, data, repo: await repository(shell.dir, remote, controls) };
};
