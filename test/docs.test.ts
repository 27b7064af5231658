import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig, parseSpec } from "@headrace/intake";
import { parseScript } from "@headrace/simulator";
import { expect, it } from "vitest";
import { readInstallation } from "../packages/cli/src/user-config.ts";

/** The fenced blocks of a page of docs/, in order. */
const blocks = (page: string, language: string): string[] => {
  const text = readFileSync(new URL(`../docs/${page}`, import.meta.url), "utf8");
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(
    ([, block = ""]) => block,
  );
};

it("the specs that docs/spec.md shows are read as it says", () => {
  const specs = blocks("spec.md", "markdown").map((text) =>
    parseSpec({ file: "spec.md", bytes: Buffer.from(`${text}\nA tool.\n`) }),
  );
  expect(specs.map((spec) => spec.requirements.length)).toEqual([2, 0]);
  expect(specs[1]).toMatchObject({ title: "csvstat", gates: [{ name: "test", timeoutS: 300 }] });
});

it("the file that docs/headrace-yaml.md shows is one", () => {
  const pages = blocks("headrace-yaml.md", "yaml");
  const [text = "", excluding = ""] = pages;
  expect(parseConfig({ file: "headrace.yaml", text })).toMatchObject({ setup: ["npm ci"] });
  const { gates } = parseConfig({ file: "headrace.yaml", text: excluding });
  expect(gates?.[0]?.exclude).toEqual(["test/slow-network.test.ts"]);
  const models = ["sonnet", "opus", "spare-opus"];
  expect(parseConfig({ file: "headrace.yaml", text: pages.at(-1) ?? "", models }).routes).toEqual({
    coder: ["sonnet"],
    reviewer: ["opus", "spare-opus"],
  });
});

it("the files that docs/configuration.md shows are read as it says", async () => {
  const [, models = ""] = blocks("configuration.md", "yaml");
  const dir = await mkdtemp(join(tmpdir(), "headrace-docs-"));
  await writeFile(join(dir, "config.yaml"), models);
  const { routing, providers, config } = await readInstallation({ env: {}, dataDir: dir });
  await rm(dir, { recursive: true });
  expect([...providers.keys()]).toEqual(["direct", "spare", "box"]);
  expect(providers.get("spare")?.keyless?.message).toMatch(/OPENROUTER_API_KEY is not set/);
  expect(routing.routes.reviewer).toMatchObject({ differFrom: "coder" });
  expect(routing.overrides).toMatchObject([{ task: "docs-*", order: "cheapest" }]);
  expect(config.budgets).toMatchObject({ tokens: 30_000_000 });
});

it("the script that docs/model-script.md shows is one", () => {
  const [text = "", conditions = ""] = blocks("model-script.md", "yaml");
  expect(parseScript(text, "script.yaml").conversations[0]?.turns).toHaveLength(2);
  const whole = conditions.replace(/^conversations:.*/m, text);
  expect(parseScript(whole, "script.yaml").storm).toMatchObject({ seed: 7, share: 0.3 });
});
