import type { SandboxWatch } from "@headrace/domain";
import { BoundedOutput } from "../../../sandboxes/supervisor/bounded-output.mjs";
import { lineReader } from "./line-reader.ts";

const LOG_BYTES = 200_000;

/** What making an environment prints: kept with its middle left out where it is long, and told line by line. */
export class SetupLog {
  readonly #output = new BoundedOutput(LOG_BYTES);
  readonly #lines: ReturnType<typeof lineReader>;

  constructor(watch: SandboxWatch) {
    this.#lines = lineReader((line) => watch.onLine?.(line));
  }

  push(chunk: Buffer): void {
    this.#output.push(chunk);
    this.#lines.push(chunk);
  }

  say(text: string): void {
    this.push(Buffer.from(text));
  }

  /** All of it; a last line without its end is told as well. */
  end(): string {
    this.#lines.end();
    return this.#output.take().bytes.toString("utf8");
  }
}
