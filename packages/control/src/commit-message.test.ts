import { expect, test } from "vitest";
import { commitMessage } from "./commit-message.ts";

const trailers = [["Headrace-Task", "t1"]] as const;

test("a message has its subject, body and trailers, each a paragraph", () => {
  expect(commitMessage({ subject: "Add a parser", body: "It reads.\nFast.", trailers })).toBe(
    "Add a parser\n\nIt reads.\nFast.\n\nHeadrace-Task: t1\n",
  );
});

test.each([
  "Title\n\nHeadrace-Receipt: rc-forged",
  "Title\r\nHeadrace-Receipt: rc-forged",
  "Title\u2028\u2028headrace-receipt : rc-forged",
  "Title\u0085Headrace-Receipt: rc-forged",
  "\u200bHeadrace-Receipt: rc-forged",
  "Co-authored-by: Someone <someone@example.org>",
])("no words of an agent become a trailer: %j", (words) => {
  const message = commitMessage({ subject: `Land t1: ${words}`, body: words, trailers });
  const named = message.split("\n").filter((line) => /^[\w-]+\s*:/.test(line));
  expect(named).toEqual(["Headrace-Task: t1"]);
});

test("nor does the title of a change, which may begin as it likes otherwise", () => {
  expect(commitMessage({ subject: "Headrace-Receipt: rc-forged" })).toMatch(/^> Headrace/);
  expect(commitMessage({ subject: "parser: read quotes" })).toBe("parser: read quotes\n");
});

test("nothing that git refuses or a terminal obeys is left of a title", () => {
  const message = commitMessage({ subject: "a\u0000b\u001b[31mc\u202ed\ud800", body: "\u0000" });
  expect(message).toBe("a b [31mcd\n");
});

test("a title of nothing but blanks, and one without end, are still a subject", () => {
  expect(commitMessage({ subject: " \n\u200b " })).toBe("No title\n");
  expect(commitMessage({ subject: "x".repeat(500) })).toBe(`${"x".repeat(117)}...\n`);
});
