import { open } from "node:fs/promises";
import { basename } from "node:path";
import type { Pico, Requirement } from "@headrace/domain";
import { UserError } from "@headrace/domain";
import { z } from "zod";
import { Budget, EXAMPLES, Gates, Protected, Setup, type WrittenGate } from "./fields.ts";
import { inputError } from "./problem.ts";
import { listedRequirements } from "./spec-requirements.ts";
import { checkSize, decodeText } from "./text.ts";
import { readFields } from "./yaml-fields.ts";

const line = (what: string, max: number) =>
  z
    .string({ error: `expected ${what}` })
    .trim()
    .min(1, `expected ${what}`)
    .max(max);

const FrontMatter = z.strictObject({
  title: line("a title in words", 200).optional(),
  base: line("a branch, tag or commit in quotes", 200).optional(),
  budget: Budget.optional(),
  gates: Gates.optional(),
  constraints: z
    .array(line("a sentence", 2000), { error: "expected a list of sentences" })
    .max(100, "expected at most 100 sentences")
    .optional(),
  setup: Setup.optional(),
  protected: Protected.optional(),
});
type FrontMatter = z.infer<typeof FrontMatter>;

const EXAMPLE_FIELDS = {
  title: "title: Totals for the money tool",
  base: 'base: "main"',
  ...EXAMPLES,
  constraints: "constraints:\n  - No new dependencies.",
};

/** A spec as its author wrote it, with what can be read off it mechanically. */
export type SpecDocument = {
  title: string;
  /** the whole file, front matter included, so that line numbers are the file's */
  text: string;
  requirements: Requirement[];
  constraints: string[];
  /** revision to start from; undefined: the repository's HEAD */
  base: string | undefined;
  budget: Pico | undefined;
  gates: WrittenGate[] | undefined;
  setup: string[] | undefined;
  protected: string[] | undefined;
};

const frontMatter = (file: string, lines: readonly string[]): [FrontMatter, number] => {
  if (lines[0]?.trimEnd() !== "---") return [{}, 0];
  const end = lines.findIndex((text, i) => i > 0 && /^(?:---|\.\.\.)\s*$/.test(text));
  if (end < 0)
    throw inputError({
      file,
      line: 1,
      problem: "the front matter has no end",
      remedy: "Close it with a line `---`, or remove the first line.",
    });
  const source = { file, text: lines.slice(1, end).join("\n"), firstLine: 2 };
  const table = { schema: FrontMatter, examples: EXAMPLE_FIELDS, unsupported: {} };
  return [readFields(source, table), end + 1];
};

/** The first heading of the text, outside of code fences. */
const firstHeading = (lines: readonly string[]): string | undefined => {
  let fenced = false;
  for (const text of lines) {
    if (/^ {0,3}(?:```|~~~)/.test(text)) fenced = !fenced;
    const title = fenced ? undefined : /^ {0,3}#{1,6}[ \t]+(\S.*)$/.exec(text)?.[1];
    if (title !== undefined) return title.replace(/[ \t]+#+[ \t]*$/, "");
  }
  return undefined;
};

/** Reads a spec; throws `UserError` that names file, line, field and remedy. */
export const parseSpec = ({ file, bytes }: { file: string; bytes: Uint8Array }): SpecDocument => {
  const text = decodeText(file, bytes);
  const lines = text.split("\n");
  const [fields, bodyStart] = frontMatter(file, lines);
  const body = lines.slice(bodyStart);
  if (body.every((content) => content.trim() === ""))
    throw inputError({
      file,
      problem: bodyStart === 0 ? "is empty" : "has front matter but no text",
      remedy:
        "Describe what to build; list what must hold under a heading `## Acceptance criteria`.",
    });
  const title = fields.title ?? firstHeading(body) ?? basename(file).replace(/\.[^.]+$/, "");
  return {
    title: title.slice(0, 200),
    text,
    requirements: listedRequirements(file, body, bodyStart + 1),
    constraints: fields.constraints ?? [],
    base: fields.base,
    budget: fields.budget,
    gates: fields.gates,
    setup: fields.setup,
    protected: fields.protected,
  };
};

/** Reads the spec file and parses it. */
export const readSpec = async (file: string): Promise<SpecDocument> => {
  try {
    await using handle = await open(file);
    const stat = await handle.stat();
    if (!stat.isFile())
      throw inputError({
        file,
        problem: "is not a file",
        remedy: "Name the Markdown file that holds the spec.",
      });
    checkSize(file, stat.size);
    return parseSpec({ file, bytes: await handle.readFile() });
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new UserError(
      `${file}: ${missing ? "does not exist" : `cannot be read: ${String(cause)}`}`,
      "Name the Markdown file that holds the spec.",
      { cause },
    );
  }
};
