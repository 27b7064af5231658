import { UserError } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { parseScript } from "./script-file.ts";

const parse = (text: string) => parseScript(text, "demo.yaml");

test("a script reads as it is written: whole files in block scalars, one item a call", () => {
  const script = parse(`
conversations:
  - role: coder
    task: t1
    attempt: 2
    turns:
      - contains: 1 failed
        text: I forgot the sign.
        calls:
          - write:
              path: src/sign.js
              content: |
                export const sign = (n) => {
                  return Math.sign(n);
                };
          - bash: { command: npm test }
          - submit_change:
`);
  expect(script.conversations).toEqual([
    {
      role: "coder",
      task: "t1",
      attempt: 2,
      conversation: 1,
      turns: [
        {
          contains: ["1 failed"],
          text: "I forgot the sign.",
          calls: [
            {
              name: "write",
              input: {
                path: "src/sign.js",
                content: "export const sign = (n) => {\n  return Math.sign(n);\n};\n",
              },
            },
            { name: "bash", input: { command: "npm test" } },
            { name: "submit_change", input: {} },
          ],
          firstByteMs: 0,
          delayMs: 0,
          cut: false,
          stall: false,
        },
      ],
    },
  ]);
});

describe("a broken script names file, line and field, and where the format is described", () => {
  const messageOf = (text: string): string => {
    try {
      parse(text);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      return (error as Error).message.replace(/\n {2}The format is .*$/, "");
    }
    throw new Error("it was accepted");
  };
  const turns = (lines: string) =>
    `conversations:\n  - role: coder\n    task: t1\n    turns:\n${lines}`;

  test.each([
    ["", "demo.yaml:1: the document: "],
    ["a: [1, 2", "demo.yaml:1: not YAML: "],
    ["conversations: *missing", "demo.yaml: not YAML: "],
    ["conversations: []", "demo.yaml:1: conversations: "],
    [
      "conversations:\n  - role: cook\n    task: t1\n    turns: [{ text: a }]",
      "demo.yaml:2: conversations[0].role: ",
    ],
    [
      "conversations:\n  - role: coder\n    task: T 1\n    turns: [{ text: a }]",
      "demo.yaml:3: conversations[0].task: ",
    ],
    [
      turns("      - text: a\n      - {}\n"),
      "demo.yaml:6: conversations[0].turns[1]: a turn needs text, calls or an error",
    ],
    [turns("      - txt: a\n"), "demo.yaml:5: conversations[0].turns[0]: "],
    [
      turns("      - calls:\n          - read: { path: a }\n            bash: { command: b }\n"),
      "demo.yaml:6: conversations[0].turns[0].calls[0]: expected exactly one tool name",
    ],
    [
      turns("      - calls:\n          - read: README.md\n"),
      "demo.yaml:6: conversations[0].turns[0].calls[0].read: ",
    ],
    [
      turns("      - error: { status: 200 }\n"),
      "demo.yaml:5: conversations[0].turns[0].error.status: ",
    ],
    [
      turns("      - text: a\n        delayMs: -1\n"),
      "demo.yaml:6: conversations[0].turns[0].delayMs: ",
    ],
    [turns("      - text: a\n        text: b\n"), "demo.yaml:6: not YAML: Map keys must be unique"],
  ])("%j", (text, expected) => {
    expect(messageOf(text).slice(0, expected.length)).toBe(expected);
  });

  test("two entries for the same conversation", () => {
    const entry = "  - { role: coder, task: t1, turns: [{ text: a }] }\n";
    expect(messageOf(`conversations:\n${entry}${entry}`)).toContain(
      "demo.yaml:3: conversations[1]: repeats the one in line 2: role coder, task t1, attempt 1, conversation 1",
    );
  });
});
