import { expect, test } from "vitest";
import { call, say } from "../../../test/support/agent-rig.ts";
import { rigFor, SUBMIT, WRITE } from "../../../test/support/sample-maker.ts";
import { Inbox } from "./inbox.ts";

/** What the model was told last: the newest user message as text. */
const told = (rig: { requests: Array<{ messages: ReadonlyArray<{ content: unknown }> }> }) =>
  JSON.stringify(rig.requests.at(-1)?.messages.at(-1)?.content);

test("work is done in order, saved after each turn, and handed in as a snapshot on the step's commit", async () => {
  await using rig = await rigFor([
    [
      say("First the file."),
      WRITE,
      call("bash", { command: "cat a.txt; echo two >> a.txt" }, "b1"),
    ],
    [call("read", { path: "a.txt" }, "r1")],
    [SUBMIT],
  ]);
  const run = await rig.run();
  expect(rig.records.map((part) => `${part.kind} ${part.turn}`)).toEqual([
    "reply 1",
    "tool 1",
    "tool 1",
    "snapshot 1",
    "reply 2",
    "tool 2",
    "reply 3",
  ]);
  expect(run).toEqual({
    kind: "ended",
    end: {
      end: "submitted",
      output: { summary: "adds a" },
      snapshot: rig.packs.at(-1),
      model: "scripted",
      turns: 3,
      prompt: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  });
  expect(rig.fileOf(rig.packs.at(-1) ?? "", "a.txt")).toBe("one\ntwo");
  expect(rig.events.map((e) => e.type === "tool.ran" && [e.tool, e.ok, e.detail])).toEqual([
    ["write", true, "a.txt"],
    ["bash", true, "cat a.txt; echo two >> a.txt"],
    ["read", true, "a.txt"],
  ]);
});

test("the request is the role's data, and every request begins with the bytes of the one before", async () => {
  await using rig = await rigFor([[WRITE], [say("hm")], [SUBMIT]], {
    guidance: [{ path: "AGENTS.md", folder: "", text: "Use tabs." }],
  });
  await rig.run();
  const [first] = rig.requests;
  expect(first).toMatchObject({
    maxOutput: 500,
    system: [{ type: "text", text: "Build it." }],
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "Use tabs." },
          { type: "text", text: "Task: add a file" },
        ],
      },
    ],
    userId: "hr1.r1.t1.coder.1.1",
  });
  expect(first?.tools.map(({ name }) => name)).toEqual([
    "bash",
    "read",
    "write",
    "edit",
    "submit_change",
    "report_blocked",
  ]);
  for (const [i, request] of rig.requests.entries()) {
    const before = rig.requests[Math.max(0, i - 1)];
    const { messages, ...head } = request;
    expect(JSON.stringify(head)).toBe(JSON.stringify({ ...before, messages: undefined }));
    expect(JSON.stringify(messages.slice(0, before?.messages.length))).toBe(
      JSON.stringify(before?.messages),
    );
  }
});

test.each([
  [
    "an unknown tool",
    call("fly", {}, "x"),
    'there is no tool \\\\\\"fly\\\\\\"; the tools are bash, read',
  ],
  ["a missing field", call("write", { path: "a" }, "x"), "content"],
  ["an input that is no object", call("bash", "ls", "x"), "the input is not a JSON object"],
  ["a bad submission", call("submit_change", { summary: "x" }, "x"), "summary"],
])("%s goes back to the model as a tool error", async (_what, bad, why) => {
  await using rig = await rigFor([[bad], [WRITE], [SUBMIT]]);
  expect(await rig.run()).toMatchObject({ kind: "ended", end: { end: "submitted" } });
  const [, second] = rig.requests;
  expect(second?.messages.at(-1)?.content).toMatchObject([
    { type: "tool_result", tool_use_id: "x", is_error: true },
  ]);
  expect(JSON.stringify(second?.messages.at(-1)?.content)).toContain(why.replaceAll("\\\\", ""));
});

test("no call of a reply that was cut is run", async () => {
  await using rig = await rigFor([
    { stopReason: "max_tokens", content: [WRITE, call("bash", { command: "ls" }, "b")] },
    [call("bash", { command: "ls a.txt" }, "ls")],
    [call("report_blocked", { reason: "enough" })],
  ]);
  await rig.run();
  expect(JSON.stringify(rig.requests[1]?.messages.at(-1))).toContain("cut at its output limit");
  expect(told(rig)).toContain("No such file");
});

test("a long output is shown head and tail, and its whole text lies in a file the model is told about", async () => {
  await using rig = await rigFor([
    [call("bash", { command: "seq 1 20000" })],
    [
      call("bash", {
        command: "sed -n 12345p $TMPDIR/headrace/1-1.txt; wc -l < $TMPDIR/headrace/1-1.txt",
      }),
    ],
    [call("report_blocked", { reason: "enough" })],
  ]);
  await rig.run();
  const shown = JSON.stringify(rig.requests[1]?.messages.at(-1));
  expect(shown.length).toBeLessThan(20_000);
  expect(shown).toMatch(
    /1\\n2\\n3.*characters left out; the whole text is in \/tmp\/headrace\/1-1.txt.*20000/,
  );
  expect(told(rig)).toContain("12345\\n19999");
});

test("however many calls a turn makes, what it adds to the conversation is bounded", async () => {
  const many = Array.from({ length: 30 }, (_, i) =>
    call("bash", { command: `echo begin ${i}; seq 1 9000; echo end ${i}` }, `m${i}`),
  );
  await using rig = await rigFor([many, [call("report_blocked", { reason: "enough" })]]);
  await rig.run();
  const results = rig.requests[1]?.messages.at(-1)?.content.map(({ content }) => String(content));
  const chars = results?.map((text) => text.length) ?? [];
  expect(Math.max(...chars.slice(0, 4))).toBeGreaterThan(16_000);
  expect(chars.reduce((a, b) => a + b)).toBeLessThan(4 * 16_500 + 26 * 700);
  expect(results?.at(-1)).toMatch(
    /^begin 29\n.*whole text is in \/tmp\/headrace\/1-30.txt.*end 29$/s,
  );
});

test("a submission that is not accepted goes back with the reasons", async () => {
  const todo = call("submit_change", { summary: "TODO" }, "s0");
  await using rig = await rigFor([[todo], [WRITE], [SUBMIT]]);
  expect(await rig.run()).toMatchObject({
    end: { end: "submitted", output: { summary: "adds a" } },
  });
  expect(JSON.stringify(rig.requests[1]?.messages.at(-1))).toContain(
    "- nothing changed\\n- the summary says TODO",
  );
});

test("a reply that comes before the workspace is saved waits for it with its tools", async () => {
  const second = call("bash", { command: "echo two >> a.txt" }, "b1");
  await using rig = await rigFor([[WRITE], [second], [SUBMIT]], { hasty: true });
  expect(await rig.run()).toMatchObject({ end: { end: "submitted", snapshot: rig.packs.at(-1) } });
  expect(rig.records.map((part) => `${part.kind} ${part.turn}`)).toEqual([
    "reply 1",
    "tool 1",
    "reply 2",
    "snapshot 1",
    "tool 2",
    "reply 3",
    "snapshot 2",
  ]);
  expect(rig.packs.map((commit) => rig.fileOf(commit, "a.txt"))).toEqual(["one", "one\ntwo"]);
});

test("a tree the factory refuses is told with the next turn, and cannot be submitted", async () => {
  await using rig = await rigFor([
    [WRITE],
    [SUBMIT],
    [call("report_blocked", { reason: "cannot mend", question: "may it stay?" })],
  ]);
  rig.refuse(["link a.txt leads out of the tree"]);
  expect(await rig.run()).toEqual({
    kind: "ended",
    end: {
      end: "blocked",
      reason: "cannot mend",
      question: "may it stay?",
      used: { turns: 3, outputTokens: 30 },
      snapshot: rig.base,
    },
  });
  expect(told(rig)).toContain("cannot be saved as it is");
  expect(told(rig)).toContain("Not accepted yet:\\n- link a.txt leads out of the tree");
  expect(rig.records.some((part) => part.kind === "snapshot")).toBe(false);
});

test("a tree that is refused while nothing is submitted is told once", async () => {
  const more = (id: string) => call("bash", { command: `echo ${id} >> b.txt` }, id);
  await using rig = await rigFor([[WRITE], [more("b1")], [more("b2")], [SUBMIT], [SUBMIT]]);
  rig.refuse(["link a.txt leads out of the tree"]);
  await expect(rig.run()).rejects.toThrow("the script has no turn 6");
  expect(rig.records.filter((part) => part.kind === "note")).toHaveLength(1);
  expect(JSON.stringify(rig.requests[2]?.messages.at(-1))).toContain("cannot be saved as it is");
});

test("a stop from the control plane ends the claim and not the step", async () => {
  await using rig = await rigFor([[call("bash", { command: "sleep 30" })]]);
  setTimeout(() => rig.inbox.deliver({ kind: "cancel", reason: "the run is paused" }), 300);
  expect(await rig.run()).toEqual({ kind: "stopped", reason: "the run is paused" });
});

test("what a person says reaches the model with the next turn, and stays in the conversation", async () => {
  await using rig = await rigFor([[WRITE], [SUBMIT]]);
  rig.inbox.deliver({ kind: "steer", seq: 7, text: "Name it a.txt." });
  await rig.run();
  expect(JSON.stringify(rig.requests[1]?.messages[0])).toContain("Name it a.txt.");
});

test("what a person says is told once in a conversation, however often it is delivered", async () => {
  const said = { kind: "steer", seq: 7, text: "Name it a.txt." } as const;
  await using rig = await rigFor([[WRITE], [SUBMIT]]);
  rig.inbox.deliver(said);
  rig.inbox.deliver(said);
  await expect(rig.run({ cutAfter: 3 })).rejects.toThrow();
  // the next claim of the step has an inbox that knows of nothing
  const inbox = new Inbox();
  inbox.deliver(said);
  inbox.deliver({ ...said, seq: 9 });
  await rig.run({ inbox });
  const steers = rig.records.flatMap((part) => (part.kind === "note" ? [part.steer] : []));
  expect(steers.filter((seq) => seq !== undefined)).toEqual([7, 9]);
});

test.each([
  { kind: "budget", reason: "it is spent" },
  { kind: "unavailable", reason: "overloaded", retryAt: "2026-01-01T00:10:00Z" },
] as const)("no reply ($kind) ends the claim and keeps the record", async (answer) => {
  await using rig = await rigFor([[WRITE]], { instead: { 2: answer } });
  expect(await rig.run()).toEqual(answer);
  expect(rig.records.map(({ kind }) => kind)).toEqual(["reply", "tool", "snapshot"]);
});
