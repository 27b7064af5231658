import { checkProvider, createModelClient, createPriceBook } from "@headrace/models";
import { SIMULATED_MODELS } from "@headrace/simulator";
import { expect, test } from "vitest";
import { clientOf, simulate, TIMEOUTS } from "../support/models.ts";

test("every model of the provider is listed, all of them priced", async () => {
  await using simulator = await simulate([{ text: "x" }]);
  const available = await checkProvider(clientOf(simulator));
  expect(available).toEqual(SIMULATED_MODELS);
  const [priceBook, at] = [createPriceBook(), new Date()];
  for (const model of available)
    expect(priceBook.worstCase(model, 1, 1, at), model).toBeGreaterThan(0);
});

test("models of OpenRouter are listed under its own names", async () => {
  await using simulator = await simulate([{ text: "x" }], { provider: "openrouter" });
  const available = await checkProvider(clientOf(simulator));
  expect(available).toContain("anthropic/claude-opus-4.8");
  expect(available).toHaveLength(SIMULATED_MODELS.length);
});

test("no key, a wrong key and an unreachable endpoint each say what to do", async () => {
  await using simulator = await simulate([{ text: "x" }]);
  const { url, apiKey, close } = simulator;
  expect(() => createModelClient({ baseUrl: url, apiKey: " " })).toThrow(/Set ANTHROPIC_API_KEY/);
  const wrong = createModelClient({ baseUrl: url, apiKey: "wrong", timeouts: TIMEOUTS });
  await expect(checkProvider(wrong)).rejects.toThrow(/401.*\n.*Check ANTHROPIC_API_KEY/);
  const right = createModelClient({ baseUrl: url, apiKey, timeouts: TIMEOUTS });
  await close();
  await expect(checkProvider(right)).rejects.toThrow(/ECONNREFUSED.*\n.*Check ANTHROPIC_BASE_URL/);
});
