import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keepAwake } from "./awake.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-awake-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** A `systemd-inhibit` that says when it is started and when it is ended. */
const inhibitor = async (): Promise<NodeJS.ProcessEnv> => {
  const program = join(dir, "systemd-inhibit");
  const ends = `trap 'echo let go >> ${dir}/log; kill $child; exit' TERM`;
  await writeFile(
    program,
    `#!/bin/sh\n${ends}\necho held >> ${dir}/log\nsleep 60 & child=$!\nwait\n`,
  );
  await chmod(program, 0o755);
  return { PATH: `${dir}:${process.env.PATH}` };
};

const log = () => readFile(join(dir, "log"), "utf8").catch(() => "");

describe.skipIf(process.platform !== "linux")("the sleep assertion", () => {
  it("is held while there is work, and let go when the factory closes", async () => {
    const awake = keepAwake({ env: await inhibitor(), busy: async () => true });
    await vi.waitFor(async () => expect(await log()).toBe("held\n"), 5_000);
    await awake[Symbol.asyncDispose]();
    await vi.waitFor(async () => expect(await log()).toBe("held\nlet go\n"), 5_000);
  });

  it("is not held without work, and what cannot be known counts as none", async () => {
    const env = await inhibitor();
    let asked = 0;
    const busy = async () => {
      asked += 1;
      throw new Error("the store is closed");
    };
    const awake = keepAwake({ env, busy });
    await vi.waitFor(() => expect(asked).toBe(1));
    await awake[Symbol.asyncDispose]();
    expect(await log()).toBe("");
  });
});
