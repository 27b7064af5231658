import { inputError } from "./problem.ts";

const MAX_BYTES = 1_000_000;
const size = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;

/** Refuses what is too big to be read at all. */
export const checkSize = (file: string, bytes: number): void => {
  if (bytes > MAX_BYTES)
    throw inputError({
      file,
      problem: `is ${size(bytes)}, at most ${size(MAX_BYTES)} can be used`,
      remedy: "Keep the statements that matter and link to the rest.",
    });
};

/** Text of a file that a person wrote: UTF-8, without byte order mark, lines ended by `\n`. */
export const decodeText = (file: string, bytes: Uint8Array): string => {
  checkSize(file, bytes.byteLength);
  const remedy = "Save it as plain UTF-8 text.";
  if (bytes.includes(0)) throw inputError({ file, problem: "is binary, not text", remedy });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r\n?/g, "\n");
  } catch {
    throw inputError({ file, problem: "is not valid UTF-8", remedy });
  }
};
