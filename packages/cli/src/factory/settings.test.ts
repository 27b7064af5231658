import { expect, it } from "vitest";
import { idleFrom, slotsFrom, tokenFrom } from "./settings.ts";

it("what the environment sets is taken, and what it leaves out has its default", () => {
  expect(slotsFrom({ HEADRACE_SLOTS: "9" })).toBe(9);
  expect(slotsFrom({})).toBe(4);
  expect(tokenFrom({ HEADRACE_TOKEN: "t".repeat(16) })).toBe("t".repeat(16));
  expect(tokenFrom({})).toMatch(/^[0-9a-f]{64}$/);
});

it.each(["0", "-1", "1.5", "many", ""])("HEADRACE_SLOTS=%s is refused by its name", (text) => {
  expect(() => slotsFrom({ HEADRACE_SLOTS: text })).toThrow(`HEADRACE_SLOTS=${text}: expected`);
  expect(() => idleFrom({ HEADRACE_IDLE_MS: text })).toThrow(`HEADRACE_IDLE_MS=${text}: expected`);
});
