import { expect, test } from "vitest";
import { countInput, MIN_CACHED_TOKENS, PromptCache } from "./prompt-cache.ts";
import { Prompt } from "./wire.ts";

const LONG = "x".repeat(MIN_CACHED_TOKENS * 4);
const MARK = { cache_control: { type: "ephemeral" } };
const block = (text: string, mark = false) => ({ type: "text", text, ...(mark ? MARK : {}) });
const prompt = (system: unknown[], blocks: unknown[], model = "m"): Prompt =>
  Prompt.parse({ model, system, messages: [{ role: "user", content: blocks }] });

test("four bytes of a prompt's JSON are a token, however the text is given", () => {
  const plain = Prompt.parse({ model: "m", messages: [{ role: "user", content: "héllo" }] });
  expect(countInput(plain)).toBe(
    Math.ceil(Buffer.byteLength('["user",{"type":"text","text":"héllo"}]') / 4),
  );
  expect(countInput(prompt([], [block("héllo", true)]))).toBe(countInput(plain));
});

test("only what ends at a breakpoint is stored, and only whole prefixes are read", () => {
  const cache = new PromptCache();
  const first = cache.bill(prompt([block(LONG, true)], [block("a")]));
  expect(first).toMatchObject({ read: 0 });
  expect(first.written).toBeGreaterThanOrEqual(MIN_CACHED_TOKENS);
  expect(first.uncached).toBeGreaterThan(0);

  const other = cache.bill(prompt([block(LONG, true)], [block("b", true)]));
  expect(other.read).toBe(first.written);
  expect(other.written).toBeGreaterThan(0);
  expect(cache.bill(prompt([block(`y${LONG}`, true)], [block("b")])).read).toBe(0);
});

test("a prompt without breakpoints neither reads nor writes", () => {
  const cache = new PromptCache();
  cache.bill(prompt([block(LONG, true)], [block("a")]));
  const bare = prompt([block(LONG)], [block("a")]);
  expect(cache.bill(bare)).toEqual({ read: 0, written: 0, uncached: countInput(bare) });
});

test.each([
  [20, true],
  [21, false],
])("a breakpoint finds what was stored %d blocks before it: %s", (distance, found) => {
  const cache = new PromptCache();
  cache.bill(prompt([block(LONG, true)], [block("a")]));
  const blocks = Array.from({ length: distance }, (_, i) => block(`${i}`, i === distance - 1));
  const { read } = cache.bill(prompt([block(LONG)], blocks));
  expect(read > 0).toBe(found);
});

test("a tool input whose keys changed places breaks the prefix, as it does at the provider", () => {
  const cache = new PromptCache();
  const asked = (input: object) =>
    prompt([block(LONG, true)], [{ type: "tool_use", id: "t", name: "n", input, ...MARK }]);
  const first = cache.bill(asked({ a: 1, b: 2 }));
  expect(cache.bill(asked({ b: 2, a: 1 })).read).toBeLessThan(first.written);
  expect(cache.bill(asked({ a: 1, b: 2 })).read).toBe(first.written);
});

test("the classes of any prompt add up to its count", () => {
  const cache = new PromptCache();
  for (const text of ["a", "bb", "ccc", LONG, `${LONG}ccc`]) {
    const asked = prompt([block(LONG, true)], [block(text, true)]);
    const { read, written, uncached } = cache.bill(asked);
    expect(read + written + uncached).toBe(countInput(asked));
    expect(Math.min(read, written, uncached)).toBeGreaterThanOrEqual(0);
  }
});
