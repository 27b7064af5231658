import fc from "fast-check";
import { expect, test } from "vitest";
import { blocksOf, firstBreak } from "./prefix.ts";

const text = fc.string({ maxLength: 12 });
const tool = fc.record({ name: text, description: text, input_schema: fc.jsonValue() });
const block = fc.record({ type: fc.constant("text"), text });
const message = fc.record({
  role: fc.constantFrom("user" as const, "assistant" as const),
  content: fc.array(block, { minLength: 1, maxLength: 4 }),
});
const prompt = fc.record({
  tools: fc.array(tool, { minLength: 1, maxLength: 4 }),
  system: fc.array(block, { minLength: 1, maxLength: 2 }),
  messages: fc.array(message, { minLength: 1, maxLength: 6 }),
});

test("a prompt that only grows is never called broken, wherever its breakpoints stand", () => {
  fc.assert(
    fc.property(prompt, fc.array(block), fc.array(message), (before, notes, more) => {
      const marked = before.messages.map((m, i) =>
        i === before.messages.length - 1
          ? {
              ...m,
              content: [...m.content, ...notes].map((b) => ({
                ...b,
                cache_control: { type: "ephemeral" },
              })),
            }
          : m,
      );
      const now = { ...before, messages: [...marked, ...more] };
      expect(firstBreak(blocksOf(before), blocksOf(now))).toBeUndefined();
    }),
  );
});

test("any other byte in any earlier block is told by the name of that block", () => {
  const changed = prompt.chain((before) =>
    fc.record({ before: fc.constant(before), at: fc.nat(blocksOf(before).length - 1) }),
  );
  fc.assert(
    fc.property(changed, fc.array(message), ({ before, at }, more) => {
      let i = 0;
      let name = "";
      const edit = <B extends object>(b: B, here: string): B => {
        if (i++ !== at) return b;
        name = here;
        return { ...b, description: "edited here" };
      };
      const now = {
        tools: before.tools.map((t, n) => edit(t, `tools[${n}]`)),
        system: before.system.map((b, n) => edit(b, `system[${n}]`)),
        messages: before.messages.map((m, n) => ({
          ...m,
          content: m.content.map((b, k) => edit(b, `messages[${n}].content[${k}]`)),
        })),
      };
      const grown = { ...now, messages: [...now.messages, ...more] };
      expect(firstBreak(blocksOf(before), blocksOf(grown))).toBe(name);
    }),
  );
});

const SAY = (said: string) => ({ type: "text", text: said });
const PROMPT = {
  tools: [{ name: "bash" }, { name: "read" }],
  system: [SAY("Build it.")],
  messages: [
    { role: "user" as const, content: [SAY("task")] },
    { role: "assistant" as const, content: [SAY("hm")] },
    { role: "user" as const, content: [SAY("on")] },
  ],
};

test.each([
  ["a tool more", { tools: [...PROMPT.tools, { name: "edit" }] }, "tools[2]"],
  ["a tool less", { tools: PROMPT.tools.slice(0, 1) }, "tools[1]"],
  ["tools in another order", { tools: PROMPT.tools.toReversed() }, "tools[0]"],
  ["keys in another order", { system: [{ text: "Build it.", type: "text" }] }, "system[0]"],
  ["a message less", { messages: PROMPT.messages.slice(0, 1) }, "messages[1].content[0]"],
  [
    "a block more in a message that was answered",
    {
      messages: PROMPT.messages.map((m, i) =>
        i === 0 ? { ...m, content: [...m.content, SAY("late")] } : m,
      ),
    },
    "messages[0].content[1]",
  ],
  [
    "the same words from another side",
    { messages: PROMPT.messages.map((m) => ({ ...m, role: "user" as const })) },
    "messages[1].content[0]",
  ],
])("%s breaks it at the earliest place that differs", (_what, change, block) => {
  expect(firstBreak(blocksOf(PROMPT), blocksOf({ ...PROMPT, ...change }))).toBe(block);
});
