import type { ReplyBlock } from "@headrace/domain";
import { expect, test } from "vitest";
import { UnreadableReply } from "./unreadable-reply.ts";
import { wellFormed, wellFormedBlock } from "./well-formed.ts";

test("every lone surrogate becomes U+FFFD, in values and keys at any depth; pairs stay", () => {
  const input = { "k\udfff": ["a\ud800b", { "\ud83d\ude00": "🌊\udc00" }], n: 1, no: null };
  expect(wellFormed(input)).toEqual({
    "k\ufffd": ["a\ufffdb", { "😀": "🌊\ufffd" }],
    n: 1,
    no: null,
  });
});

test("a key named __proto__ stays a key", () => {
  const made = wellFormed(JSON.parse('{"__proto__": {"polluted": "\\ud800"}}')) as object;
  expect(JSON.stringify(made)).toBe('{"__proto__":{"polluted":"\ufffd"}}');
  expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
});

test("text and calls are mended, names and ids of calls too", () => {
  expect(wellFormedBlock({ type: "text", text: "a\ud800" })).toEqual({
    type: "text",
    text: "a\ufffd",
  });
  expect(
    wellFormedBlock({ type: "tool_use", id: "t\ud800", name: "\udfff", input: "\ud800" }),
  ).toEqual({ type: "tool_use", id: "t\ufffd", name: "\ufffd", input: "\ufffd" });
});

test("a signed block is the same object, or the reply is no reply", () => {
  const thinking = { type: "thinking", thinking: "a 🌊", signature: "c2lnbmVk" };
  expect(wellFormedBlock(thinking)).toBe(thinking);
  const broken: ReplyBlock = { ...thinking, thinking: "a\ud800" };
  expect(() => wellFormedBlock(broken)).toThrow(UnreadableReply);
});
