import { readdir } from "node:fs/promises";
import { join } from "node:path";
import Docker from "dockerode";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import { engineAddress } from "../support/engine.ts";
import { commitFiles } from "../support/git.ts";
import { makeRepository } from "../support/real-run.ts";
import { ended, openShell, type Shell } from "../support/shell.ts";

let shell: Shell;
let docker: Docker;
beforeAll(async () => {
  shell = await openShell();
  docker = new Docker(await engineAddress());
});
afterAll(() => shell[Symbol.asyncDispose]());

const gate = (run: string) => ({
  "headrace.yaml": stringify({ setup: [], gates: [{ name: "gate", run }] }),
});

const folders = async (): Promise<string[]> =>
  (await readdir(join(shell.data, "worker"))).filter((name) => name.startsWith("check-"));

/** Process number and running gate of a check. */
const running = async (known: readonly string[] = []) =>
  vi.waitFor(
    async () => {
      const [name = expect.fail("no check has begun")] = (await folders()).filter(
        (folder) => !known.includes(folder),
      );
      const pid = Number(name.slice("check-".length));
      const [container = expect.fail("its gate does not run")] = await gatesOf(pid);
      return { name, pid, container };
    },
    { timeout: 60_000, interval: 200 },
  );

const gatesOf = async (pid: number): Promise<string[]> => {
  const found = await docker.listContainers({ all: true });
  return found
    .filter(({ Labels }) => Labels["headrace.owner"]?.endsWith(`-check-${pid}`))
    .filter(({ Labels }) => Labels["headrace.step"] === "check")
    .map(({ Id }) => Id);
};

it("what a check leaves that is killed goes with the next one, and a check that runs keeps its own", async () => {
  const repo = await makeRepository(shell, "slow", gate("sleep 900"));
  const live = shell.start("check", "--repo", "slow");
  const alive = await running();
  shell.start("check", "--repo", "slow");
  const killed = await running([alive.name]);
  process.kill(killed.pid, "SIGKILL");
  await commitFiles(repo, gate("true"));
  const next = await shell.headrace("check", "--repo", "slow");
  expect(next, next.err).toMatchObject({ code: 0, err: "" });
  expect(await gatesOf(killed.pid)).toEqual([]);
  expect(await gatesOf(alive.pid)).toEqual([alive.container]);
  expect(await folders()).toEqual([alive.name]);
  const end = ended(live);
  process.kill(alive.pid, "SIGINT");
  expect(await end).toMatchObject({ code: 130, err: "headrace: stopped by SIGINT\n" });
  expect(await gatesOf(alive.pid)).toEqual([]);
  expect(await folders()).toEqual([]);
}, 240_000);

it("a check whose reader has gone ends without a word, and leaves nothing", async () => {
  const setup = ["while :; do echo working; sleep 0.1; done"];
  const files = { "headrace.yaml": stringify({ setup, gates: [{ name: "gate", run: "true" }] }) };
  await makeRepository(shell, "chatty", files);
  const check = shell.start("check", "--repo", "chatty");
  const end = ended(check);
  check.stdout?.on("data", (text: string) => {
    if (text.includes("working")) check.stdout?.destroy();
  });
  expect(await end).toMatchObject({ code: 141, err: "" });
  expect(await folders()).toEqual([]);
  const left = await docker.listContainers({ all: true });
  const owners = left.map(({ Labels }) => Labels["headrace.owner"] ?? "");
  expect(owners.filter((owner) => owner.endsWith(`-check-${check.pid}`))).toEqual([]);
}, 120_000);
