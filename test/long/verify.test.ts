import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, rename } from "node:fs/promises";
import { join } from "node:path";
import { type Attestor, createAttestor, openSigningKey } from "@headrace/attest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { forgeLanding } from "../support/forge-landing.ts";
import { Forger } from "../support/forger.ts";
import { git, type TempDir, tempDir } from "../support/git.ts";
import { HELLO, helloScript, prepareHello } from "../support/hello-run.ts";
import { removeImages } from "../support/real-run.ts";
import { codes } from "../support/script.ts";
import { openShell, type Shell } from "../support/shell.ts";

const YAML = stringify({
  // an environment of this run alone, so that its image is this test's to remove
  setup: [`echo ${randomUUID()} > "$HOME/of-this-run"`],
  gates: [
    { name: "readme", run: "grep -q readme README.md", canary: "off" },
    { name: "unit", run: "node --test" },
  ],
});
const TEST = (name: string) => `import test from "node:test";\ntest("${name}", () => {});\n`;

let shell: Shell;
let repo = "";
let run = "";
/** the factory's data directory once it has stopped */
const data = () => join(shell.dir, "data");

beforeAll(async () => {
  shell = await openShell();
  const writes = { "hello.txt": HELLO, "hello.test.mjs": TEST("hello is said") };
  const script = helloScript([codes("hello", writes)]);
  const files = { "headrace.yaml": YAML, "old.test.mjs": TEST("old") };
  const made = await prepareHello(shell, "proven", script, files);
  repo = made.repo;
  const { code, out, err } = await shell.headrace(...made.args, "--foreground");
  expect(code, out + err).toBe(0);
  run = /^run (\S+):/m.exec(out)?.[1] ?? "";
});
afterAll(async () => {
  const images = run === "" ? [] : [(await verified(run)).image.now];
  await shell[Symbol.asyncDispose]();
  await removeImages(images);
});

type Report = {
  code: number;
  agrees: boolean;
  key: string;
  image: { receipt: string; now: string; kept: boolean };
  gates: {
    gate: string;
    equal: boolean;
    recorded: { verdict: string };
    now: { verdict: string; reason: string };
    tests: object[];
  }[];
  violation?: { object: string; reason: string };
};

const verified = async (target: string, ...args: string[]): Promise<Report> => {
  const { code, out, err } = await shell.headrace("verify", target, "--json", ...args);
  if (out === "") throw new Error(`verify printed nothing: ${err}`);
  return { code, ...JSON.parse(out) };
};

/** A copy of the data directory, forged by somebody with a key. */
const forgedCopy = async (forge: (by: Forger, data: string) => Promise<void>): Promise<TempDir> => {
  const dir = await tempDir("headrace-verify-");
  await cp(data(), dir.path, { recursive: true });
  using by = new Forger(dir.path);
  await forge(by, dir.path);
  return dir;
};

const keyIn = async (dir: string): Promise<Attestor> => createAttestor(await openSigningKey(dir));

describe("a landing", () => {
  test("is verified again by its run, with what its receipt says beside what happens now", async () => {
    const { code, out, err } = await shell.headrace("verify", run);
    expect(code, out + err).toBe(0);
    expect(out).toMatch(/^ {2}signed by key [0-9a-f]{64}$/m);
    expect(out).toMatch(
      /gate unit: receipt pass \(exit 0, 2 tests\)\n +now +pass \(exit 0, 2 tests\): equal/,
    );
    expect(out).toMatch(/^ {2}note: not run again: canaries.* of the receipt$/m);
    expect(out).toMatch(/^receipt \w+ is what its gates say now$/m);
  });

  test("is found by the beginning of its commit; what is no landing is not", async () => {
    const tip = git(repo, "rev-parse", `headrace/${run}/integration`);
    expect(await verified(tip.slice(0, 7))).toMatchObject({ code: 0, agrees: true });
    expect(await shell.headrace("verify", git(repo, "rev-parse", "main"))).toMatchObject({
      code: 2,
      err: expect.stringContaining("there is no run and no landing"),
    });
  });

  test("is verified in an image that is built anew where the receipt's has gone", async () => {
    const { image } = await verified(run);
    expect(image).toMatchObject({ kept: true, now: image.receipt });
    await removeImages([image.receipt]);
    const { out, code } = await shell.headrace("verify", run);
    expect(out).toMatch(/the receipt's image \S+ is not there: gates ran in \S+, built anew/);
    expect(code).toBe(0);
  });

  test("is verified from an archive where there is nothing else", async () => {
    await using dir = await tempDir("headrace-verify-");
    const archive = join(dir.path, "run.tar.gz");
    expect(await shell.headrace("export", run, "--out", archive)).toMatchObject({ code: 0 });
    await rename(repo, `${repo}-away`);
    const nowhere = join(dir.path, "nowhere");
    const report = await verified(run, "--from", archive, "--data", nowhere);
    await rename(`${repo}-away`, repo);
    expect(report).toMatchObject({ code: 0, agrees: true });
    expect(existsSync(nowhere)).toBe(false);
    expect(await shell.headrace("verify", "r2", "--from", archive)).toMatchObject({ code: 2 });
  });
});

describe("records that were edited", () => {
  test("are found without the key before anything is run", async () => {
    await using dir = await forgedCopy(async (by) => {
      by.sql(
        `UPDATE events SET body = replace(body, '"exit 0"', '"exit 1"') WHERE body LIKE '%receipt.recorded%'`,
      );
    });
    expect(await verified(run, "--data", dir.path)).toMatchObject({
      code: 1,
      violation: { object: expect.stringMatching(/^event \d+ /) },
    });
  });

  test("by the owner of the key pass the audit, and cannot make red gates green", async () => {
    let landing = "";
    await using dir = await forgedCopy(async (by, path) => {
      const files = { "README.md": "nothing\n" };
      landing = forgeLanding(by, await keyIn(join(path, "keys")), { files });
    });
    const audit = await shell.headrace("audit", run, "--data", dir.path);
    expect(audit, audit.out).toMatchObject({ code: 0 });
    const report = await verified(landing, "--data", dir.path);
    expect(report).toMatchObject({ code: 1, agrees: false });
    expect(report.gates.map(({ gate, equal }) => [gate, equal])).toEqual([
      ["readme", false],
      ["unit", true],
    ]);
    expect(report.gates[0]).toMatchObject({
      recorded: { verdict: "pass" },
      now: { verdict: "fail", reason: "exit 1" },
    });
  });

  test("and signed by another key claim tests that nobody finds, and are not those of the key that was kept", async () => {
    const kept = join(data(), "keys", "signing.pub.pem");
    await using dir = await forgedCopy(async (by, path) => {
      const other = await keyIn(join(path, "others"));
      await cp(join(path, "others/signing.pub.pem"), join(path, "keys/signing.pub.pem"));
      forgeLanding(by, other, {
        receipt: ({ results }) => {
          const { tests } = results.find(({ gate }) => gate === "unit") ?? {};
          if (tests === undefined) throw new Error("gate unit has no report");
          const list = JSON.parse(new TextDecoder().decode(by.blob(tests.list)));
          list.push({ name: "z > was never there", outcome: "passed" });
          tests.list = by.putBlob(Buffer.from(JSON.stringify(list)));
        },
      });
    });
    const archive = join(dir.path, "forged.tar.gz");
    const exported = await shell.headrace("export", run, "--out", archive, "--data", dir.path);
    expect(exported, exported.err).toMatchObject({ code: 0 });
    const report = await verified(run, "--from", archive);
    expect(report).toMatchObject({ code: 1, agrees: false });
    expect(report.gates[1]).toMatchObject({
      gate: "unit",
      equal: false,
      tests: [{ name: "z > was never there", recorded: "passed" }],
    });
    expect(await verified(run, "--from", archive, "--key", kept)).toMatchObject({
      code: 1,
      violation: { reason: expect.stringContaining("was signed by another key") },
    });
  });

  test("of a branch that stands elsewhere than the log says are named", async () => {
    await using dir = await forgedCopy(async (by) => {
      git(by.repo, "update-ref", by.branch, `${by.branch}^1`);
    });
    expect(await verified(run, "--data", dir.path)).toMatchObject({
      code: 1,
      violation: { object: expect.stringContaining(`headrace/${run}/integration`) },
    });
  });
});
