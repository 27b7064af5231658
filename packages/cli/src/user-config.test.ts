import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromUsd, NO_USAGE } from "@headrace/domain";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readPriceBook } from "./user-config.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-config-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const usage = { ...NO_USAGE, input: 1_000_000 };
const today = new Date("2026-11-21T00:00:00Z");

it("prices of config.yaml stand beside the built-in ones", async () => {
  await writeFile(
    join(dir, "config.yaml"),
    'prices:\n  - { model: local-llm, input: "0.5", output: "1" }\n',
  );
  const prices = await readPriceBook(dir);
  expect(prices.cost("local-llm", usage, today)).toBe(fromUsd(0.5));
  expect(prices.cost("claude-opus-4-8", usage, today)).toBe(fromUsd(5));
});

it("without the file the built-in prices hold and others are unknown", async () => {
  expect((await readPriceBook(dir)).cost("local-llm", usage, today)).toBeUndefined();
});

it.each([
  ["a wrong type", "prices:\n  - model: x\n    input: 3\n", /config\.yaml:3: prices\.0\.input: /],
  ["an unknown field", "price: []\n", /config\.yaml:1: the file: Unrecognized key: "price"/],
  ["broken YAML", "prices: [\n", /config\.yaml:\d+: not YAML: /],
])("%s is refused with file, line and field", async (_, text, message) => {
  await writeFile(join(dir, "config.yaml"), text);
  await expect(readPriceBook(dir)).rejects.toThrow(message);
});
