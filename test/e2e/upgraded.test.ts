import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openShell } from "../support/shell.ts";

const VERSION_1 = fileURLToPath(new URL("../fixtures/store-1.sql", import.meta.url));

test("who goes on with a run of an older version need not know of the file's format", async () => {
  await using shell = await openShell();
  await mkdir(shell.data, { mode: 0o700 });
  const db = new DatabaseSync(join(shell.data, "headrace.db"));
  db.exec(await readFile(VERSION_1, "utf8"));
  db.close();
  expect(await shell.headrace("status")).toMatchObject({
    ...{ code: 2, err: expect.stringContaining("has the format of an older headrace") },
  });
  expect(await shell.headrace("pause", "old-open")).toMatchObject({ code: 0 });
  // its budget of 30 dollars was told in nano-dollars
  const raised = await shell.headrace("budget", "old-open", "--raise", "2");
  expect(raised).toEqual({ code: 0, out: "the budget of run old-open is now $32.00\n", err: "" });
  expect(await shell.headrace("resume", "nope")).toMatchObject({
    ...{ code: 2, err: expect.stringContaining("there is no run nope") },
  });
});
