import { UserError } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { createPriceBook } from "./price-book.ts";
import { PRICES } from "./prices.ts";
import { resolveRoutes, TIERS } from "./routes.ts";

const priceBook = createPriceBook();
const at = new Date("2026-11-21T12:00:00Z");
const resolve = (available: string[], override?: string) =>
  resolveRoutes({ available, priceBook, at, ...(override === undefined ? {} : { override }) });
const ALL = [...TIERS.strong, ...TIERS.middle, ...TIERS.small];

test("planner, reviewer and merger get the strong tier, coder and researcher the middle one", () => {
  expect(resolve(ALL)).toEqual({
    planner: "claude-opus-4-8",
    researcher: "claude-sonnet-5",
    coder: "claude-sonnet-5",
    reviewer: "claude-opus-4-8",
    merger: "claude-opus-4-8",
  });
});

test("a candidate that is not on offer gives way to the next, in any spelling of it", () => {
  const routes = resolve(["anthropic/claude-opus-4.7", "claude-sonnet-4-6-20251101"]);
  expect(routes).toMatchObject({
    planner: "anthropic/claude-opus-4.7",
    coder: "claude-sonnet-4-6-20251101",
  });
});

test("the plain id is preferred, and among dated ones the newest", () => {
  const dated = ["claude-opus-4-8-20260115", "claude-opus-4-8-20260301"];
  expect(resolve([...dated, "claude-sonnet-5"]).planner).toBe("claude-opus-4-8-20260301");
  expect(resolve([...dated, "claude-opus-4-8", "claude-sonnet-5"]).planner).toBe("claude-opus-4-8");
});

test("one model named by the user serves every role", () => {
  expect(new Set(Object.values(resolve(ALL, "claude-haiku-4-5")))).toEqual(
    new Set(["claude-haiku-4-5"]),
  );
});

describe("what cannot be resolved tells what to do", () => {
  const messageOf = (act: () => unknown): string => {
    try {
      act();
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      return (error as Error).message;
    }
    throw new Error("nothing was thrown");
  };

  test("no model of a tier", () => {
    expect(messageOf(() => resolve(["claude-haiku-4-5", "gpt-9"]))).toMatchInlineSnapshot(`
      "no strong model is on offer: looked for claude-opus-4-8, claude-opus-4-7, claude-opus-4-6
        The key may use: claude-haiku-4-5, gpt-9. Name one of them with --model."
    `);
  });
  test("a misspelt name", () => {
    expect(messageOf(() => resolve(ALL, "claude-opus-48"))).toMatchInlineSnapshot(`
      "unknown model "claude-opus-48"
        Did you mean claude-opus-4-8, claude-opus-4-7, claude-opus-4-6? The key may use: claude-opus-4-8, claude-opus-4-7, claude-opus-4-6, claude-sonnet-5, claude-sonnet-4-6, claude-haiku-4-5."
    `);
  });
  test("a key without models", () => {
    expect(messageOf(() => resolve([], "claude-opus-4-8"))).toMatchInlineSnapshot(`
      "unknown model "claude-opus-4-8"
        The key may use no model at all."
    `);
  });
  test("a model without a price, until the user gives one", () => {
    expect(messageOf(() => resolve([...ALL, "local/qwen"], "local/qwen"))).toMatchInlineSnapshot(`
      "no price is known for local/qwen, so no budget could hold it
        Add one under \`prices\` in config.yaml of the data directory: {model: local/qwen, input: "3", output: "15"} (USD per million tokens)."
    `);
    const own = createPriceBook([...PRICES, { model: "local/qwen", input: "0", output: "0" }]);
    const routes = resolveRoutes({
      available: ["local/qwen"],
      override: "local/qwen",
      priceBook: own,
      at,
    });
    expect(routes.coder).toBe("local/qwen");
  });
});
