import type { Sandbox } from "@headrace/domain";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { folderSandbox } from "../../../../test/support/folder-sandbox.ts";
import { type Tool, ToolError } from "../tool.ts";
import { bash } from "./bash.ts";
import { edit } from "./edit.ts";
import { read } from "./read.ts";
import { search } from "./search.ts";
import { write } from "./write.ts";

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await folderSandbox();
});
afterEach(() => sandbox[Symbol.asyncDispose]());

/** The tool's answer, or the message of its `ToolError`. */
const use = async (tool: Tool, input: unknown): Promise<string> => {
  const bound = tool.bind(input);
  if (!bound.ok) return bound.problem;
  const signal = new AbortController().signal;
  return bound.value.run({ sandbox, signal }).then(
    ({ text }) => text,
    (error: unknown) => {
      if (error instanceof ToolError) return `error: ${error.message}`;
      throw error;
    },
  );
};
const put = (path: string, text: string | Uint8Array) =>
  sandbox.write(path, typeof text === "string" ? new TextEncoder().encode(text) : text);

describe("bash", () => {
  test("runs bash where there is one, and says how a command ended", async () => {
    expect(await use(bash, { command: '[[ a == a ]] && echo "it\'s"; exit 3' })).toBe(
      "it's\n[exit 3]",
    );
    expect(await use(bash, { command: "true" })).toBe("(no output)");
    expect(await use(bash, { command: "echo started; sleep 9", timeout_s: 1 })).toBe(
      "started\n[killed after 1 s; pass a larger timeout_s, or run less at once]",
    );
  });

  test("makes output safe: no escapes, NUL or bytes that are no text", async () => {
    expect(await use(bash, { command: "printf '\\033[31mred\\033[0m \\000 \\377'" })).toBe(
      "red \uFFFD \uFFFD",
    );
  });
});

describe("read", () => {
  test("numbers the lines it was asked for and says where to go on", async () => {
    await put("a.txt", "one\ntwo\nthree\nfour\n");
    expect(await use(read, { path: "a.txt", offset: 2, limit: 2 })).toBe(
      "    2\ttwo\n    3\tthree\n[of 4 lines; go on with offset 4]",
    );
    expect(await use(read, { path: "a.txt", offset: 9 })).toBe("(the file has only 4 lines)");
  });

  test("gives a long file in pages that join without a gap", async () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `line ${i + 1}`);
    await put("long.txt", lines.join("\n"));
    const seen: string[] = [];
    for (let offset = 1; offset <= lines.length; ) {
      const page = (await use(read, { path: "long.txt", offset })).split("\n");
      const next = /go on with offset (\d+)/.exec(page.at(-1) ?? "")?.[1];
      if (next !== undefined) page.pop();
      seen.push(...page.map((line) => line.replace(/^ *\d+\t/, "")));
      offset = next === undefined ? Number.POSITIVE_INFINITY : Number(next);
    }
    expect(seen).toEqual(lines);
  });

  test.each([
    ["absent.txt", "error: there is no regular file at absent.txt"],
    ["binary", "error: binary is binary (4 bytes)"],
    ["empty", "(the file is empty)"],
  ])("tells what %s is", async (path, answer) => {
    await put("binary", new Uint8Array([1, 0, 2, 3]));
    await put("empty", "");
    expect(await use(read, { path })).toContain(answer);
  });
});

describe("edit", () => {
  const change = (old: string, replacement = "X") =>
    use(edit, { path: "a.ts", old, new: replacement });

  test("replaces the one occurrence, taking $ and \\ in the new text as they are", async () => {
    await put("a.ts", "a\nb\nc\n");
    expect(await change("b", "$& \\1")).toBe("replaced the text at line 2 of a.ts");
    expect(await use(read, { path: "a.ts" })).toContain("2\t$& \\1");
  });

  test.each([
    ["text that is not there", "z", "does not stand in a.ts: read the file"],
    ["text that stands there twice", "b", "occurs 2 times in a.ts (lines 2, 3)"],
    ["other indentation", "if (a) {\nb", "its first line matches line 1"],
    ["nothing to change", "X", "the same"],
  ])("explains %s", async (_what, old, why) => {
    await put("a.ts", "  if (a) {\n  b\n b\n");
    expect(await change(old)).toContain(why);
  });

  test("names line ends of another system, and leaves alone what is not UTF-8", async () => {
    await put("a.ts", "one\r\ntwo\r\n");
    expect(await change("one\ntwo")).toContain("ends its lines with \\r\\n");
    await put("a.ts", new Uint8Array([0x61, 0xff]));
    expect(await change("a")).toContain("is not UTF-8 text");
  });

  test("keeps a byte order mark", async () => {
    await put("a.ts", "\uFEFFold");
    await change("old", "new");
    expect(await sandbox.read("a.ts", 100)).toMatchObject({
      bytes: new TextEncoder().encode("\uFEFFnew"),
    });
  });
});

describe("write", () => {
  test("makes folders, and tells the model what stands in the way", async () => {
    expect(await use(write, { path: "a/b/c.txt", content: "é" })).toBe(
      "wrote 2 bytes to a/b/c.txt",
    );
    expect(await use(write, { path: "a/b", content: "" })).toContain("error: a/b: EISDIR");
  });
});

describe("search", () => {
  test("finds lines by expression, in a path or everywhere but .git and node_modules", async () => {
    await put("src/a.ts", "const one = 1;\nconst two = 2;\n");
    await put("node_modules/x/a.ts", "const one = 1;\n");
    expect(await use(search, { pattern: "one|two = 2" })).toBe(
      "src/a.ts:1:const one = 1;\nsrc/a.ts:2:const two = 2;",
    );
    expect(await use(search, { pattern: "-x'", path: "src" })).toBe("no line matches");
    expect(await use(search, { pattern: "a(", path: "src" })).toMatch(
      /grep: .*extended regular expression/i,
    );
  });

  test("shows a bounded number of bounded lines", async () => {
    await put("a.txt", `${"x".repeat(1000)}\n`.repeat(300));
    const answer = (await use(search, { pattern: "x" })).split("\n");
    expect(answer).toHaveLength(201);
    expect(Math.max(...answer.map((line) => line.length))).toBeLessThan(310);
    expect(answer.at(-1)).toContain("there are more");
  });
});
