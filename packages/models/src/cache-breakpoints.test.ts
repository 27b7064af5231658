import type { ModelRequest } from "@headrace/domain";
import { expect, test } from "vitest";
import { withCacheBreakpoints } from "./cache-breakpoints.ts";

const text = (value: string) => ({ type: "text", text: value });
const user = (...content: Record<string, unknown>[]) => ({ role: "user" as const, content });
const assistant = (...content: Record<string, unknown>[]) => ({
  role: "assistant" as const,
  content,
});

const conversation = (turns: number): ModelRequest => ({
  model: "claude-sonnet-5",
  maxTokens: 100,
  userId: "hr1.r1.t1.coder.1.1",
  system: [text("You code."), text("Guidance.")],
  tools: [{ name: "read" }, { name: "bash" }],
  messages: [
    user(text("Intent."), text("Task.")),
    ...Array.from({ length: turns }, (_, i) => [
      assistant({ type: "tool_use", id: `t${i}`, name: "read", input: {} }),
      user({ type: "tool_result", tool_use_id: `t${i}`, content: "a" }, text("note")),
    ]).flat(),
  ],
});

/** The prompt's blocks in cache order, without the marks. */
const blocks = (request: ModelRequest): string[] =>
  [...request.tools, ...request.system, ...request.messages.flatMap((m) => m.content)].map(
    ({ cache_control: _, ...block }) => JSON.stringify(block),
  );
const marked = (request: ModelRequest): number[] =>
  [...request.tools, ...request.system, ...request.messages.flatMap((m) => m.content)].flatMap(
    (block, i) => ("cache_control" in block ? [i] : []),
  );

test("tools, system, task and the newest user message end in a breakpoint", () => {
  expect(marked(withCacheBreakpoints(conversation(0)))).toEqual([1, 3, 5]);
  expect(marked(withCacheBreakpoints(conversation(1)))).toEqual([1, 3, 5, 8]);
  expect(marked(withCacheBreakpoints(conversation(7)))).toEqual([1, 3, 5, 26]);
});

test("a prompt without tools or system has fewer", () => {
  expect(marked(withCacheBreakpoints({ ...conversation(1), tools: [], system: [] }))).toEqual([
    1, 4,
  ]);
});

test("nothing but the marks differs, so each request's bytes begin with those of the one before", () => {
  for (let turns = 0; turns < 8; turns++) {
    const plain = conversation(turns);
    const now = withCacheBreakpoints(plain);
    expect(blocks(now)).toEqual(blocks(plain));
    const before = blocks(withCacheBreakpoints(conversation(Math.max(0, turns - 1))));
    expect(blocks(now).slice(0, before.length)).toEqual(before);
  }
});

test("the newest mark of one request lies inside the next one's prompt, where its cache is read", () => {
  const newest = marked(withCacheBreakpoints(conversation(3))).at(-1) ?? -1;
  const next = withCacheBreakpoints(conversation(4));
  expect(blocks(next)[newest]).toBe(blocks(conversation(3))[newest]);
});

test("the request given is left as it was", () => {
  const request = conversation(2);
  const before = structuredClone(request);
  withCacheBreakpoints(request);
  expect(request).toEqual(before);
});
