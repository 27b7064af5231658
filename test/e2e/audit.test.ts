import { spawn } from "node:child_process";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createAttestor, openSigningKey } from "@headrace/attest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Forger } from "../support/forger.ts";
import { type TempDir, tempDir } from "../support/git.ts";
import { ended, LAUNCHER } from "../support/shell.ts";
import type { Tampering } from "../support/tampering.ts";
import { WITH_KEY } from "../support/tamperings-with-key.ts";
import { WITHOUT_KEY } from "../support/tamperings-without-key.ts";

const DEMO = fileURLToPath(new URL("../../scripts/demo.mjs", import.meta.url));

let demo = "";
let run = "";
beforeAll(async () => {
  const env = { ...process.env, HEADRACE_KEEP_DEMO: "1" };
  const { code, out } = await ended(spawn(process.execPath, [DEMO], { env }));
  demo = /^kept: (.+)$/m.exec(out)?.[1] ?? "";
  run = /^run (\S+):/m.exec(out)?.[1] ?? "";
  expect(code).toBe(0);
});
afterAll(() => rm(demo, { recursive: true, force: true }));

type Report = {
  ok: boolean;
  key: string;
  checked: { what: string; count: number }[];
  violation?: { object: string; reason: string };
  notes: string[];
};

/** `headrace audit --json` of a data directory. */
const audit = async (data: string, ...args: string[]): Promise<Report & { code: number }> => {
  const all = [LAUNCHER, "audit", run, "--json", "--data", data, ...args];
  const { code, out, err } = await ended(spawn(process.execPath, all));
  if (out === "") throw new Error(`audit printed nothing: ${err}`);
  return { code, ...JSON.parse(out) };
};

const copy = async (): Promise<TempDir> => {
  const dir = await tempDir("headrace-audit-");
  await cp(join(demo, "data"), dir.path, { recursive: true });
  return dir;
};

describe("audit", () => {
  test("finds nothing wrong with the demo, and says what it looked at", async () => {
    const { code, violation, notes, checked } = await audit(join(demo, "data"));
    expect(violation).toBeUndefined();
    expect(notes).toEqual([]);
    expect(code).toBe(0);
    const counts = Object.fromEntries(checked.map(({ what, count }) => [what, count]));
    expect(counts).toMatchObject({
      "tasks that landed did so once": 7,
      "landings lead back to the prompt of their coder": 7,
      "landings stand on a green, signed receipt of their own tree, base, policy, gates and permits": 7,
    });
  });

  test("works on a copy without the private key, and with a public key kept elsewhere", async () => {
    await using dir = await copy();
    await rm(join(dir.path, "keys"), { recursive: true });
    expect(await audit(dir.path)).toMatchObject({ code: 1, violation: { object: /public key/ } });
    const key = join(demo, "data", "keys", "signing.pub.pem");
    expect(await audit(dir.path, "--key", key)).toMatchObject({ code: 0, ok: true });
  });

  test.each(WITHOUT_KEY)("finds %s, and names it", async (_, forge, object) => {
    await expectFound(forge, object);
  });

  test.each(WITH_KEY)("finds %s, by somebody who has the key", async (_, forge, object) => {
    await expectFound(forge, object);
  });
});

const expectFound = async (forge: Tampering[1], object: RegExp): Promise<void> => {
  await using dir = await copy();
  const stolen = createAttestor(await openSigningKey(join(dir.path, "keys")));
  using by = new Forger(dir.path);
  await forge(by, stolen);
  const { code, violation } = await audit(dir.path);
  expect(violation?.object).toMatch(object);
  expect(code).toBe(1);
};
