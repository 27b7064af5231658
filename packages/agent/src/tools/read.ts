import { z } from "zod";
import { SHOWN_CHARS, safeText } from "../text.ts";
import { defineTool } from "../tool.ts";
import { readText } from "./files.ts";

const LONGEST_LINE = 2000;
/** Room for the closing remark. */
const PAGE_CHARS = SHOWN_CHARS - 200;

const numbered = (line: string, number: number): string => {
  const rest = line.length - LONGEST_LINE;
  const shown = rest > 0 ? `${line.slice(0, LONGEST_LINE)} [... ${rest} characters more]` : line;
  return `${String(number).padStart(5)}\t${shown}`.toWellFormed();
};

/** As many numbered lines from `offset` (1-based) as fit one page, and where to go on. */
const page = (text: string, offset: number, limit: number): string => {
  const lines = safeText(text).split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (lines.length === 0) return "(the file is empty)";
  if (offset > lines.length) return `(the file has only ${lines.length} lines)`;
  const shown: string[] = [];
  let size = 0;
  for (const line of lines.slice(offset - 1, offset - 1 + limit)) {
    const next = numbered(line, offset + shown.length);
    size += next.length + 1;
    if (size > PAGE_CHARS) break;
    shown.push(next);
  }
  const end = offset + shown.length;
  const more = end <= lines.length ? [`[of ${lines.length} lines; go on with offset ${end}]`] : [];
  return [...shown, ...more].join("\n");
};

export const read = defineTool({
  name: "read",
  description:
    "Reads a text file of the workspace, with line numbers. offset is the first line (from 1), limit the number of lines.",
  input: z.object({
    path: z.string().min(1).max(4096),
    offset: z.number().int().min(1).optional(),
    limit: z.number().int().min(1).max(10_000).optional(),
  }),
  mutates: false,
  detail: ({ path, offset }) => (offset === undefined ? path : `${path}:${offset}`),
  run: async ({ path, offset = 1, limit = 10_000 }, { sandbox }) => ({
    text: page(await readText(sandbox, path), offset, limit),
    ok: true,
  }),
});
