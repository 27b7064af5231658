import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRedactor } from "@headrace/secrets";
import { createClock, openStore } from "@headrace/store";
import { expect, test } from "vitest";
import { submitted } from "./suites/store-fixtures.ts";

const SECRET = "canary-7d1f0a-of-the-provider";

test("no text of an event reaches the file with a secret in it, and the chain holds over what was written", async () => {
  const folder = await mkdtemp(join(tmpdir(), "headrace-redaction-"));
  await using _removed = {
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
  const file = join(folder, "headrace.db");
  const clock = createClock();
  {
    await using store = await openStore({ file, clock, redact: createRedactor([SECRET]) });
    await store.append("run-1", [submitted()]);
    await store.append("run-1", [
      {
        type: "model.failed",
        step: "run-1-plan-1",
        role: "planner",
        class: "auth",
        reason: `401: the key ${SECRET} is not known`,
        retryInMs: null,
      },
      { type: "note.added", level: "info", text: Buffer.from(SECRET).toString("base64") },
    ]);
  }
  const written = [file, `${file}-wal`].map((path) => readFile(path).catch(() => Buffer.alloc(0)));
  for (const bytes of await Promise.all(written)) {
    expect(bytes.includes(SECRET)).toBe(false);
    expect(bytes.includes(Buffer.from(SECRET).toString("base64"))).toBe(false);
  }
  await using store = await openStore({ file, clock, readOnly: true });
  const [failed, note] = (await store.events("run-1")).slice(-2);
  expect(failed).toMatchObject({ reason: "401: the key [redacted] is not known" });
  // base64's last characters hold bits of what would follow
  expect(note).toMatchObject({ text: expect.stringMatching(/^\[redacted\].{0,3}$/) });
});
