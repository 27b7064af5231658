import { StringDecoder } from "node:string_decoder";

const MAX_LINE_CHARS = 4000;

/** Cuts a stream of hostile bytes into lines that are safe to show: bounded, without control characters. */
export const lineReader = (
  onLine: (line: string) => void,
): { push: (chunk: Buffer) => void; end: () => void } => {
  const decoder = new StringDecoder("utf8");
  let open = "";
  const emit = (line: string) => onLine(plain(line).slice(0, MAX_LINE_CHARS));
  return {
    push(chunk) {
      const lines = `${open}${decoder.write(chunk)}`.split(/\r?\n|\r(?!\n|$)/);
      open = (lines.pop() ?? "").slice(0, MAX_LINE_CHARS);
      for (const line of lines) emit(line);
    },
    end() {
      if (open !== "") emit(open);
      open = "";
    },
  };
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)/g;

const plain = (line: string): string => line.replace(ESCAPES, "").replace(/[^\P{Cc}\t]/gu, "");
