import { z } from "zod";
import { safeText } from "../text.ts";
import { defineTool, ToolError } from "../tool.ts";
import { toModel } from "./files.ts";
import { quote } from "./quote.ts";

const MAX_MATCHES = 200;
const LONGEST_LINE = 300;
const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 512 * 1024;

/** How grep says, in one line, that it cannot use the pattern. */
const UNREADABLE = /^grep: (?:Unmatched|Invalid|Trailing)[^\n]*$/;

const shorten = (line: string): string =>
  line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)} [...]`.toWellFormed() : line;

export const search = defineTool({
  name: "search",
  description: `Finds lines that match an extended regular expression in the text files under path (default: the whole workspace, less .git and node_modules), as file:line:text, at most ${MAX_MATCHES}.`,
  input: z.object({
    pattern: z.string().min(1).max(2000),
    path: z.string().min(1).max(4096).optional(),
  }),
  mutates: false,
  detail: ({ pattern, path }) => (path === undefined ? pattern : `${pattern} in ${path}`),
  run: async ({ pattern, path }, { sandbox, signal }) => {
    const where = path === undefined ? "" : ` ${quote(path)}`;
    const result = await sandbox
      .exec(
        `grep -rHnIE --exclude-dir=.git --exclude-dir=node_modules -e ${quote(pattern)} --${where}`,
        { timeoutMs: TIMEOUT_MS, maxOutputBytes: MAX_OUTPUT_BYTES, signal },
      )
      .catch(toModel);
    if (result.timedOut) throw new ToolError("the search took too long: name a narrower path");
    const output = safeText(result.output).trimEnd();
    if (result.exitCode === 1) return { text: "no line matches", ok: true };
    if (result.exitCode !== 0 && output === "") throw new ToolError("grep failed without a word");
    if (UNREADABLE.test(output)) {
      throw new ToolError(
        `${output}: the pattern is no extended regular expression; put \\ before ( ) [ { } * + ? | that stand for themselves`,
      );
    }
    const lines = output.split("\n");
    const more =
      lines.length > MAX_MATCHES || result.truncated
        ? ["[there are more: narrow the pattern or name a path]"]
        : [];
    return {
      text: [...lines.slice(0, MAX_MATCHES).map(shorten), ...more].join("\n"),
      ok: result.exitCode === 0,
    };
  },
});
