import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openStore, verifyChain } from "@headrace/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ManualClock, note, seeded } from "./suites/store-fixtures.ts";

const WRITER = fileURLToPath(new URL("./suites/store-writer.ts", import.meta.url));
const clock = new ManualClock();
let dir: string;
let file: string;
let writer: ChildProcess | undefined;

const spawnWriter = (...args: string[]) => {
  const child = spawn(process.execPath, [WRITER, file, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  writer = child;
  return child;
};

/** Runs the writer, kills it `ms` after its first commit, and returns the last seq it was told is durable. */
const killedWriter = async (ms: number): Promise<number> => {
  const child = spawnWriter();
  const closed = once(child, "close");
  let acknowledged = 0;
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    acknowledged = Number(line);
  });
  await once(lines, "line");
  await setTimeout(ms);
  child.kill("SIGKILL");
  await closed;
  return acknowledged;
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-crash-"));
  file = join(dir, "headrace.db");
});

afterEach(async () => {
  writer?.kill("SIGKILL");
  await rm(dir, { recursive: true });
});

it("keeps every acknowledged event and a whole chain when the writer is killed, again and again", async () => {
  const random = seeded(7);
  for (let round = 0; round < 5; round++) {
    const acknowledged = await killedWriter(random() * 60);
    await using store = await openStore({ file, clock });
    expect(store.uncleanStop).toBe(true);
    expect(await store.integrity()).toEqual([]);
    const events = await store.events("r1", 0, 1_000_000);
    expect(verifyChain(events)).toBeUndefined();
    expect(events.length).toBeGreaterThanOrEqual(acknowledged);
    // batches of five after the submission: whole or not at all
    expect((events.length - 1) % 5).toBe(round);
    await store.append("r1", [note(`round ${round}`)]);
  }
});

it("undoes a settlement whose writer dies in its middle", async () => {
  const child = spawnWriter("settle");
  const [, signal] = await once(child, "exit");
  expect(signal).toBe("SIGKILL");
  await using store = await openStore({ file, clock });
  expect(await store.calls("r1")).toMatchObject([{ id: "c1", state: "open", cost: 0 }]);
  expect(await store.records("r1", "s1")).toEqual([]);
  expect((await store.events("r1")).map((e) => e.type)).toEqual(["run.submitted"]);
});

it("is read by others while the writer lives and after it was killed", async () => {
  const child = spawnWriter();
  const lines = createInterface({ input: child.stdout });
  const [line] = await once(lines, "line");
  await using reader = await openStore({ file, clock, readOnly: true });
  const before = (await reader.state("r1"))?.run.seq ?? 0;
  expect(before).toBeGreaterThanOrEqual(Number(line));
  await once(lines, "line");
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
  expect((await reader.state("r1"))?.run.seq).toBeGreaterThanOrEqual(before);
  await using late = await openStore({ file, clock, readOnly: true });
  expect((await late.state("r1"))?.run.seq).toBeGreaterThanOrEqual(before);
});

it("refuses a second writer by the first one's pid, and takes over from a dead one", async () => {
  const child = spawnWriter();
  const lines = createInterface({ input: child.stdout });
  await once(lines, "line");
  await expect(openStore({ file, clock })).rejects.toThrow(
    `${file} is in use by process ${child.pid}\n  stop it with \`headrace stop\``,
  );
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
  await using store = await openStore({ file, clock });
  expect(store.uncleanStop).toBe(true);
});
