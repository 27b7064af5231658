import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { openStore } from "@headrace/store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "./suites/store-fixtures.ts";

const WRITER = fileURLToPath(new URL("./suites/store-writer.ts", import.meta.url));
const noStrace = spawnSync("strace", ["-V"]).error !== undefined;
let dir: string;
let file: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-disk-"));
  file = join(dir, "headrace.db");
});

afterEach(() => rm(dir, { recursive: true }));

/** What the stubborn writer printed while the kernel answered some of its calls with an error. */
const writeWith = async (fault: string): Promise<{ seqs: number[]; failures: string[] }> => {
  const trace = ["-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync,pwrite64", "-e", fault];
  const child = spawn("strace", [...trace, process.execPath, WRITER, file, "stubborn"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = (await text(child.stdout)).trim().split("\n");
  return {
    seqs: lines.map(Number).filter((seq) => !Number.isNaN(seq)),
    failures: lines.filter((line) => Number.isNaN(Number(line))),
  };
};

const reopened = async (): Promise<{ uncleanStop: boolean; problems: string[]; last: number }> => {
  await using store = await openStore({ file, clock: new ManualClock() });
  const last = (await store.events("r1")).length;
  return { uncleanStop: store.uncleanStop, problems: await store.integrity(), last };
};

describe.skipIf(noStrace)("a failing disk (told through strace, where it is installed)", () => {
  it("stops the writer for good when a flush fails, with every acknowledged event kept", async () => {
    const { seqs, failures } = await writeWith("inject=fsync,fdatasync:error=EIO:when=20");
    expect(failures[0]).toBe("disk I/O error");
    expect(failures.length).toBeGreaterThan(1);
    expect(new Set(failures.slice(1))).toEqual(
      new Set(["the disk failed under the store: restart"]),
    );
    const { last, ...after } = await reopened();
    expect(after).toEqual({ uncleanStop: true, problems: [] });
    expect(last).toBeGreaterThanOrEqual(seqs.at(-1) ?? 0);
  });

  it("goes on by itself once a full disk has room again, without a gap", async () => {
    const { seqs, failures } = await writeWith("inject=pwrite64:error=ENOSPC:when=150..152");
    expect(new Set(failures)).toEqual(new Set(["database or disk is full"]));
    expect(seqs).toEqual(seqs.map((_, i) => i + 2));
    expect(seqs.length + failures.length).toBe(40);
    expect(await reopened()).toEqual({ uncleanStop: false, problems: [], last: seqs.length + 1 });
  });
});
