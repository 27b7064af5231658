import { readFileSync } from "node:fs";
import { parseConfig, parseSpec } from "@headrace/intake";
import { parseScript } from "@headrace/simulator";
import { expect, it } from "vitest";

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
  const [text = "", excluding = ""] = blocks("headrace-yaml.md", "yaml");
  expect(parseConfig({ file: "headrace.yaml", text })).toMatchObject({ setup: ["npm ci"] });
  const { gates } = parseConfig({ file: "headrace.yaml", text: excluding });
  expect(gates?.[0]?.exclude).toEqual(["test/slow-network.test.ts"]);
});

it("the script that docs/model-script.md shows is one", () => {
  const [text = "", conditions = ""] = blocks("model-script.md", "yaml");
  expect(parseScript(text, "script.yaml").conversations[0]?.turns).toHaveLength(2);
  const whole = conditions.replace(/^conversations:.*/m, text);
  expect(parseScript(whole, "script.yaml").storm).toMatchObject({ seed: 7, share: 0.3 });
});
