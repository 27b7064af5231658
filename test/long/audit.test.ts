import { spawn } from "node:child_process";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createAttestor, openSigningKey, packArchive, unpackArchive } from "@headrace/attest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Forger } from "../support/forger.ts";
import { type TempDir, tempDir } from "../support/git.ts";
import { ended, LAUNCHER } from "../support/shell.ts";
import type { Tampering } from "../support/tampering.ts";
import { WITH_KEY } from "../support/tamperings-with-key.ts";
import { WITHOUT_KEY } from "../support/tamperings-without-key.ts";

const DEMO = fileURLToPath(new URL("../../scripts/demo.mjs", import.meta.url));

/** it shares its machine with other tests */
const DEMO_MS = 600_000;

let demo = "";
let run = "";
beforeAll(async () => {
  const env = { ...process.env, HEADRACE_KEEP_DEMO: "1" };
  const { code, out } = await ended(spawn(process.execPath, [DEMO], { env }));
  demo = /^kept: (.+)$/m.exec(out)?.[1] ?? "";
  run = /^run (\S+):/m.exec(out)?.[1] ?? "";
  expect(code).toBe(0);
}, DEMO_MS);
afterAll(async () => {
  if (demo !== "") await rm(demo, { recursive: true, force: true });
});

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

const exported = (file: string) => {
  const args = [LAUNCHER, "export", run, "--data", join(demo, "data"), "--out", file];
  return ended(spawn(process.execPath, args));
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
    expect(await audit(dir.path)).toMatchObject({
      code: 1,
      violation: { object: expect.stringContaining("public key") },
    });
    const key = join(demo, "data", "keys", "signing.pub.pem");
    expect(await audit(dir.path, "--key", key)).toMatchObject({ code: 0, ok: true });
  });

  test("does not need store or repository where it has an archive, which is always the same", async () => {
    await using dir = await tempDir("headrace-archive-");
    const [first, second] = ["1.tar.gz", "2.tar.gz"].map((name) => join(dir.path, name));
    for (const file of [first, second]) expect((await exported(file ?? "")).code).toBe(0);
    const bytes = await readFile(first ?? "");
    expect(bytes.equals(await readFile(second ?? ""))).toBe(true);
    // nothing is written over, and a run that is not in it is not found there
    expect(await exported(first ?? "")).toMatchObject({
      code: 2,
      err: expect.stringContaining("is there already"),
    });
    const nowhere = join(dir.path, "nowhere");
    expect(await audit(nowhere, "--from", first ?? "")).toMatchObject({ code: 0, ok: true });
    const files = new Map(await unpackArchive(bytes));
    for (const [name, was, is, object] of [
      ["events.ndjson", '"seq":70', '"seq":71', /^event 70 /],
      ["policy-1.json", '"timeoutS":', '"timeoutS":1', /^blob \w+ \(policy of plan 1\)$/],
    ] as const) {
      const text = new TextDecoder().decode(files.get(name));
      expect(text).toContain(was);
      const edited = new Map(files).set(name, Buffer.from(text.replace(was, is)));
      await writeFile(second ?? "", await packArchive(edited));
      const report = await audit(nowhere, "--from", second ?? "");
      expect(report).toMatchObject({
        code: 1,
        violation: { object: expect.stringMatching(object) },
      });
    }
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
