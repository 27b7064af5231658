import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock } from "@headrace/store";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readInstallation } from "../user-config.ts";
import { createModels } from "./models.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-models-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const script = (says: string) => `conversations:
  - { role: coder, task: t1, turns: [{ text: ${says} }] }
`;

test("a script is played as it was when a run was last submitted", async () => {
  const file = join(dir, "script.yaml");
  const choice = { kind: "script", file } as const;
  await using models = createModels({
    credentials: undefined,
    prices: (await readInstallation({ env: {}, dataDir: dir })).prices,
    clock: createClock(),
  });
  const said = async () => {
    const reply = await (await models.client(choice)).complete({
      model: "claude-sonnet-5",
      maxTokens: 100,
      system: [],
      tools: [],
      messages: [{ role: "user", content: [{ type: "text", text: "go" }] }],
      userId: "hr1.r1.t1.coder.1.1",
    });
    return JSON.stringify(reply.content);
  };

  await writeFile(file, script("first"));
  await models.admit(choice, undefined);
  expect(await said()).toContain("first");

  await writeFile(file, "conversations: {");
  expect(await said()).toContain("first");
  await expect(models.admit(choice, undefined)).rejects.toThrow(file);
  expect(await said()).toContain("first");

  await writeFile(file, script("second"));
  await models.admit(choice, undefined);
  expect(await said()).toContain("second");
});
