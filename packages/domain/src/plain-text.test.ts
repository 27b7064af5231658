import { describe, expect, test } from "vitest";
import { plainJson, plainLine, plainText } from "./plain-text.ts";

const ESC = "\u001b";
/** What terminals do more with than showing it: each hidden in an ordinary sentence. */
const ATTACKS: ReadonlyArray<readonly [what: string, sequence: string]> = [
  ["colour", `${ESC}[31m`],
  ["256 colours", `${ESC}[38;5;196m`],
  ["hidden text", `${ESC}[8m`],
  ["clear screen", `${ESC}[2J`],
  ["clear scrollback", `${ESC}[3J`],
  ["cursor home", `${ESC}[H`],
  ["cursor up", `${ESC}[5A`],
  ["erase line", `${ESC}[2K`],
  ["save and restore cursor", `${ESC}7${ESC}8`],
  ["reset", `${ESC}c`],
  ["alternate screen", `${ESC}[?1049h`],
  ["hide cursor", `${ESC}[?25l`],
  ["bracketed paste", `${ESC}[?2004h`],
  ["device report", `${ESC}[6n`],
  ["device attributes", `${ESC}[c`],
  ["title by BEL", `${ESC}]0;owned\u0007`],
  ["title by ST", `${ESC}]2;owned${ESC}\\`],
  ["clipboard", `${ESC}]52;c;ZXZpbA==\u0007`],
  ["link", `${ESC}]8;;https://evil.example${ESC}\\`],
  ["notification", `${ESC}]9;owned\u0007`],
  ["device control string", `${ESC}P1$r0m${ESC}\\`],
  ["application command", `${ESC}_x${ESC}\\`],
  ["C1 CSI", "\u009b31m"],
  ["C1 OSC", "\u009d0;owned\u009c"],
  ["carriage return", "\r"],
  ["backspaces", "\b\b\b\b"],
  ["bell", "\u0007"],
  ["NUL", "\u0000"],
  ["form feed", "\f"],
  ["delete", "\u007f"],
  ["right-to-left override", "\u202e"],
  ["isolate", "\u2066\u2069"],
  ["Arabic letter mark", "\u061c"],
  ["zero-width space", "\u200b"],
  ["line separator", "\u2028"],
  ["tag characters", "\u{e0041}\u{e0042}"],
];
const ACTING = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/u;

describe("nothing of a text acts on the terminal it is shown on", () => {
  test.each(ATTACKS)("%s", (_, sequence) => {
    const text = `before ${sequence} after`;
    expect(plainLine(text)).toMatch(/^before .*after$/);
    expect(plainLine(text)).not.toMatch(ACTING);
    const [first, second, ...more] = plainText(`${text}\n\tsecond line`).split("\n");
    expect(first).toMatch(/^before .*after$/);
    expect(first).not.toMatch(ACTING);
    expect([second, more]).toEqual(["\tsecond line", []]);
  });

  test.each(ATTACKS)("%s in JSON, which a program reads as it was written", (_, sequence) => {
    const written = { reason: `before ${sequence} after` };
    const line = plainJson(JSON.stringify(written));
    expect(line).not.toMatch(ACTING);
    expect(JSON.parse(line)).toEqual(written);
  });
});

test.each([
  [`${ESC}]0;`, "0;"],
  [`${ESC}P`, ""],
  ["\u009d", ""],
  [`${ESC}[`, ""],
])("%j without its end hides nothing of the next line", (begin, left) => {
  expect(plainText(`${begin}\nshown\u0007`)).toBe(`${left}\nshown`);
});

test("ordinary text of any language stays as it is", () => {
  const text = "Zürich, 東京, שלום, 👩‍🚀 naïve — “quoted”".replace("\u200d", "");
  expect(plainLine(text)).toBe(text);
  expect(plainText(text)).toBe(text);
});

test("a long text is cut with a mark", () => {
  expect(plainLine("x".repeat(20), 10)).toBe(`${"x".repeat(9)}…`);
});
