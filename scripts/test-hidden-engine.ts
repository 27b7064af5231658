// The sandbox contract and the demo, run by a user without privileges against a Docker engine that cannot see one
// folder of this machine's: proof that nothing but the engine's API passes between the two, as with Docker Desktop or
// an engine on another host. It needs root on Linux, for a mount namespace and a user, and dockerd. An argument,
// `contract` or `demo`, runs that alone.

import { spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { baseImageTag } from "../packages/cli/src/machine/base-image.mjs";
import { which } from "../packages/cli/src/machine/which.mjs";
import { ROOT } from "./setup/folders.mjs";

const USER = "headrace-hidden";
const STATE = "/var/lib/headrace-hidden-engine";
const RUN = "/run/headrace-hidden-engine";
const SOCKET = join(RUN, "docker.sock");
const HOST = `unix://${SOCKET}`;
const START_MS = 60_000;

/** Everything a factory could have its files in: empty for the engine. */
const HIDDEN = [
  ...new Set(["/work", "/root", "/home", "/tmp", "/opt", "/srv", "/mnt", dirname(ROOT)]),
];

const must = (program: string, ...args: string[]): string => {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
};

/**
 * A dockerd whose mount namespace has nothing where the factory lives, and no bridge network at all. Its own network
 * namespace, because `--bridge=none` removes the bridge of whatever engine runs here otherwise.
 */
const startEngine = async (): Promise<AsyncDisposable> => {
  await mkdir(STATE, { recursive: true });
  await mkdir(RUN, { recursive: true });
  // one below another is gone by the time its turn comes
  const hide = HIDDEN.map(
    (path) => `! test -d '${path}' || mount -t tmpfs -o mode=755 none '${path}'`,
  );
  const options = [
    `--data-root ${STATE} --exec-root ${RUN}/exec --pidfile ${RUN}/pid --host ${HOST} --group ${USER}`,
    "--bridge=none --iptables=false --ip-forward=false --ip-masq=false",
  ];
  const script = ["mount --make-rprivate /", ...hide, `exec dockerd ${options.join(" ")}`];
  // a file, not a pipe: while a suite runs nobody here would read, and an engine that cannot log stands still
  const log = join(RUN, "log");
  const written = openSync(log, "w");
  const engine = spawn("unshare", ["--mount", "--net", "sh", "-ec", script.join("\n")], {
    stdio: ["ignore", written, written],
    cwd: "/",
  });
  closeSync(written);
  const ended = new Promise<void>((resolve) => engine.once("exit", () => resolve()));
  const deadline = Date.now() + START_MS;
  while (spawnSync("docker", ["--host", HOST, "version"]).status !== 0) {
    if (engine.exitCode !== null || Date.now() > deadline) {
      engine.kill("SIGKILL");
      throw new Error(
        `the hidden engine did not start:\n${readFileSync(log, "utf8").slice(-4000)}`,
      );
    }
    await sleep(250);
  }
  return {
    async [Symbol.asyncDispose]() {
      engine.kill("SIGTERM");
      await ended;
      await rm(RUN, { recursive: true, force: true });
    },
  };
};

/** The base image, as a person would bring it to another engine. */
const bringImage = (): void => {
  const tag = baseImageTag();
  if (spawnSync("docker", ["--host", HOST, "image", "inspect", tag]).status === 0) return;
  must("sh", "-c", `docker save ${tag} | docker --host ${HOST} load`);
};

const makeUser = async (): Promise<AsyncDisposable & { home: string }> => {
  spawnSync("userdel", ["--force", USER]);
  const home = await mkdtemp(join(tmpdir(), "headrace-hidden-"));
  must("useradd", "--no-create-home", "--home-dir", home, "--user-group", USER);
  must("chown", `${USER}:`, home);
  return {
    home,
    async [Symbol.asyncDispose]() {
      await rm(home, { recursive: true, force: true });
      spawnSync("userdel", ["--force", USER]);
    },
  };
};

const asUser = (home: string, args: readonly string[]): boolean => {
  const env = {
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: home,
    TMPDIR: home,
    DOCKER_HOST: HOST,
    HEADRACE_HOME: join(home, "data"),
  };
  console.log(`\n$ ${args.join(" ")}   (as ${USER}, engine ${HOST})`);
  const { status } = spawnSync("runuser", ["--user", USER, "--", process.execPath, ...args], {
    cwd: ROOT,
    env,
    stdio: "inherit",
  });
  return status === 0;
};

const SUITES = {
  contract: [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--configLoader=native",
    "test/contract/sandbox.test.ts",
  ],
  demo: ["scripts/demo.mjs"],
} as const;

const [asked] = process.argv.slice(2);
const chosen = Object.entries(SUITES).filter(([name]) => asked === undefined || name === asked);
if (chosen.length === 0) throw new Error(`${asked} is none of ${Object.keys(SUITES).join(", ")}`);

const lacking = [
  ...(process.platform === "linux" && process.getuid?.() === 0 ? [] : ["root on Linux"]),
  ...["dockerd", "docker", "unshare", "runuser"].filter((program) => !which(program)),
];
if (lacking.length > 0) {
  console.error(`the hidden engine needs ${lacking.join(", ")}`);
  process.exit(1);
}
const failed: string[] = [];
{
  await using user = await makeUser();
  await using _engine = await startEngine();
  console.log(`an engine that sees nothing of ${HIDDEN.join(", ")}`);
  bringImage();
  for (const [name, args] of chosen) if (!asUser(user.home, args)) failed.push(name);
}
await rm(STATE, { recursive: true, force: true });
for (const name of failed) console.error(`failed: ${name}`);
const { length } = chosen;
console.log(`\n${length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
