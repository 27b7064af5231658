import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { findSecrets } from "@headrace/secrets";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

// the factory builds on this repository too (test/alone/own-repository), and starts no run where something looks like one
it("no file of this repository looks like a secret: test data is put together when a test runs", async () => {
  const listed = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8" });
  const files = listed.split("\0").filter((file) => file !== "" && existsSync(ROOT + file));
  const found = [];
  for (const file of files) found.push(...(await findSecrets(file, await readFile(ROOT + file))));
  expect(files.length).toBeGreaterThan(100);
  expect(found).toEqual([]);
}, 120_000);
