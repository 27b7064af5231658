import { StringDecoder } from "node:string_decoder";
import { plainText } from "@headrace/domain";

const MAX_LINE_CHARS = 4000;

/** Cuts a stream of hostile bytes into lines that are safe to show: bounded, and none drives a terminal. */
export const lineReader = (
  onLine: (line: string) => void,
): { push: (chunk: Buffer) => void; end: () => void } => {
  const decoder = new StringDecoder("utf8");
  let open = "";
  const emit = (line: string) => onLine(plainText(line).slice(0, MAX_LINE_CHARS));
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
