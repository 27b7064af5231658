import type { ExecResult } from "@headrace/domain";
import { z } from "zod";
import { safeText } from "../text.ts";
import { defineTool } from "../tool.ts";
import { toModel } from "./files.ts";
import { quote } from "./quote.ts";

const DEFAULT_TIMEOUT_S = 120;
/** More output than this is cut by the sandbox before it reaches the factory. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

/** Models write bash; an image may have only `sh`. */
const inBash = (command: string): string =>
  `c=${quote(command)}; command -v bash >/dev/null && exec bash -c "$c"; exec sh -c "$c"`;

const endOf = (result: ExecResult, timeoutS: number): string | undefined => {
  if (result.timedOut) {
    return `[killed after ${timeoutS} s; pass a larger timeout_s, or run less at once]`;
  }
  if (result.oomKilled) return "[killed: out of memory; use less, for example fewer workers]";
  if (result.exitCode === null) return "[ended by a signal]";
  return result.exitCode === 0 ? undefined : `[exit ${result.exitCode}]`;
};

export const bash = defineTool({
  name: "bash",
  description: `Runs a shell command in the workspace, offline, and gives its combined output. Every call is a new shell: \`cd\`, variables and background processes do not carry over. Killed after timeout_s seconds (default ${DEFAULT_TIMEOUT_S}).`,
  input: z.object({
    command: z.string().min(1).max(60_000),
    timeout_s: z.number().int().min(1).max(1800).optional(),
  }),
  mutates: true,
  detail: ({ command }) => command,
  run: async ({ command, timeout_s = DEFAULT_TIMEOUT_S }, { sandbox, signal }) => {
    const result = await sandbox
      .exec(inBash(command), {
        timeoutMs: timeout_s * 1000,
        maxOutputBytes: MAX_OUTPUT_BYTES,
        signal,
      })
      .catch(toModel);
    const output = safeText(result.output).trimEnd();
    const end = endOf(result, timeout_s);
    const text = [output, end].filter((part) => part !== undefined && part !== "").join("\n");
    return { text: text === "" ? "(no output)" : text, ok: end === undefined };
  },
});
