import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import type { StoredEvent } from "../../packages/domain/src/index.ts";
import { plainScript } from "./plain-script.ts";

const C = (letter: string) => letter.repeat(40);
const reply = (turn: number, name: string, input: unknown) => ({
  kind: "reply" as const,
  turn,
  reply: {
    id: "m",
    model: "m",
    stopReason: "tool_use",
    content: [{ type: "tool_use", id: "t", name, input }],
    usage: { input: 0, output: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0 },
  },
});

const policy = {
  gates: [{ name: "test", run: "npm test", timeoutS: 60 }],
} as unknown as Parameters<typeof plainScript>[0]["policy"];

const agent = (task: string, step: string): StoredEvent =>
  ({
    type: "step.requested",
    task,
    step,
    input: { kind: "agent", role: "coder", commit: C("a") },
  }) as unknown as StoredEvent;
const gate = (task: string): StoredEvent =>
  ({
    type: "gate.finished",
    task,
    commit: C("b"),
    result: { gate: "test" },
  }) as unknown as StoredEvent;

test("the same commands run in the same order, tasks side by side behind their blockers", () => {
  const script = plainScript({
    events: [agent("one", "s1"), gate("one"), agent("two", "s2")],
    records: new Map([
      ["s1", [reply(1, "write", { path: "a b.txt", content: "it's\n$HOME" })]],
      ["s2", [reply(1, "bash", { command: "echo 'hi'" }), reply(2, "submit_change", {})]],
    ]),
    policy,
    blockers: new Map([["two", ["one"]]]),
    image: "image",
  });
  expect(script.slice(script.indexOf("(\n  agent"))).toMatchInlineSnapshot(`
    "(
      agent aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      write_ 'a b.txt' 'it'\\''s
    $HOME'
      keep aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      leave
      gate bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 'npm test'
      touch "$work/landed-one"
    ) &
    (
      wait_for one
      agent aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      bash_ 'echo '\\''hi'\\'''
      keep aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      leave
      touch "$work/landed-two"
    ) &
    wait
    "
  `);
  expect(spawnSync("bash", ["-n"], { input: script }).status).toBe(0);
});
