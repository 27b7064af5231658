import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { unusedConfig } from "./checkout-config.ts";

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "headrace-checkout-"));
});
afterEach(() => rm(path, { recursive: true, force: true }));

const notes = (committed: string | undefined, bare = false) => {
  const bytes = committed === undefined ? undefined : new TextEncoder().encode(committed);
  return unusedConfig({ read: async () => bytes }, { path, bare }, "c".repeat(40));
};
const NOTE =
  "headrace.yaml in your checkout differs from the one at cccccccccccc (or is not committed) and is not used: commit it";

it("a headrace.yaml that is edited or not committed is told to be unused", async () => {
  await writeFile(join(path, "headrace.yaml"), "budget: 2\n");
  expect(await notes(undefined)).toEqual([NOTE]);
  expect(await notes("budget: 1\n")).toEqual([NOTE]);
});

it("nothing is told of the one that is used, with whatever line ends, or where there is no checkout", async () => {
  expect(await notes("budget: 1\n")).toEqual([]);
  await writeFile(join(path, "headrace.yaml"), "budget: 1\r\n");
  expect(await notes("budget: 1\n")).toEqual([]);
  expect(await notes(undefined, true)).toEqual([]);
});
