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

test("the system prompt, what jobs have in common and the two newest user messages end in a breakpoint", () => {
  expect(marked(withCacheBreakpoints(conversation(0)))).toEqual([3, 4, 5]);
  expect(marked(withCacheBreakpoints(conversation(1)))).toEqual([3, 4, 5, 8]);
  expect(marked(withCacheBreakpoints(conversation(7)))).toEqual([3, 4, 23, 26]);
});

test("a prompt without a system prompt has fewer, and a task of one block has one mark", () => {
  expect(marked(withCacheBreakpoints({ ...conversation(1), system: [] }))).toEqual([2, 3, 6]);
  const short = { ...conversation(0), messages: [user(text("Task."))] };
  expect(marked(withCacheBreakpoints(short))).toEqual([3, 4]);
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

test("the newest mark of one request is a mark of the next, however many calls the turn between made", () => {
  const before = conversation(3);
  const calls = Array.from({ length: 30 }, (_, i) => `many${i}`);
  const next = {
    ...before,
    messages: [
      ...before.messages,
      assistant(...calls.map((id) => ({ type: "tool_use", id, name: "read", input: {} }))),
      user(...calls.map((id) => ({ type: "tool_result", tool_use_id: id, content: "a" }))),
    ],
  };
  const newest = marked(withCacheBreakpoints(before)).at(-1);
  expect(marked(withCacheBreakpoints(next)).slice(-2)).toEqual([newest, (newest ?? 0) + 60]);
});

test("the request given is left as it was", () => {
  const request = conversation(2);
  const before = structuredClone(request);
  withCacheBreakpoints(request);
  expect(request).toEqual(before);
});
