import { expect, it } from "vitest";
import { lineReader } from "./line-reader.ts";

const lines = (chunks: readonly (string | Buffer)[]) => {
  const read: string[] = [];
  const reader = lineReader((line) => read.push(line));
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  reader.end();
  return read;
};

it("cuts lines wherever the chunks end", () => {
  expect(lines(["one\ntw", "o\r", "\n\nthr", "ee"])).toEqual(["one", "two", "", "three"]);
});

it("keeps characters that two chunks share whole", () => {
  const [first, second] = [Buffer.from("ä").subarray(0, 1), Buffer.from("ä").subarray(1)];
  expect(lines([first, second])).toEqual(["ä"]);
});

it("takes out escape sequences, control characters and what turns text around", () => {
  const hostile =
    "\u001b[31mred\u001b[0m \u001b]0;title\u0007bell\u0007 tab\there \u001b[2J\u202eab\n";
  expect(lines([hostile])).toEqual(["red bell tab\there ab"]);
});

it("bounds a line that never ends", () => {
  const [line, ...others] = lines(Array.from({ length: 100 }, () => "x".repeat(1000)));
  expect([line?.length, others.length]).toEqual([4000, 0]);
});
