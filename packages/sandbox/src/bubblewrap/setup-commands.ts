import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Channel } from "../channel.ts";
import { FACTORY_FOLDER } from "../profile.ts";

/** Beyond this the signal of set-up as a whole has long ended it. */
const BOUND_MS = 86_400_000;
const QUIET_MS = 50;
const TRAILING_MS = 500;
const Answer = z.object({ exitCode: z.int().nullable() });

/** The name of the pipe in the factory's folder; opened on the host before anything runs in the sandbox. */
export const OUTPUT = "output";

/**
 * Runs set-up's commands by the sandbox's supervisor, with their output coming as it is printed: through a pipe whose
 * ends are held here all the time, so that no path of the sandbox is opened while it runs.
 */
export class SetupCommands implements Disposable {
  readonly #writer: number;
  readonly #reader: Socket;
  #onOutput: (chunk: Buffer) => void = () => {};
  #heard = 0;

  constructor(pipe: { reader: number; writer: number }) {
    this.#writer = pipe.writer;
    this.#reader = new Socket({ fd: pipe.reader, readable: true, writable: false });
    this.#reader.on("error", () => {});
    this.#reader.on("data", (chunk: Buffer) => {
      this.#heard = performance.now();
      this.#onOutput(chunk);
    });
  }

  async exec(
    channel: Channel,
    command: readonly string[],
    options: {
      env: Readonly<Record<string, string>>;
      onOutput: (chunk: Buffer) => void;
      signal: AbortSignal;
    },
  ): Promise<number | null> {
    const variables = Object.entries(options.env).map(([name, value]) => `${name}=${value}`);
    const words = ["env", ...variables, ...command].map(quoted).join(" ");
    this.#onOutput = options.onOutput;
    try {
      const { facts } = await channel.request({
        op: "exec",
        args: { timeoutMs: BOUND_MS, maxOutputBytes: 0 },
        body: Buffer.from(`exec ${words} > ${FACTORY_FOLDER}/${OUTPUT} 2>&1`),
        maxBody: 0,
        timeoutMs: BOUND_MS,
        signal: options.signal,
      });
      await this.#trailing();
      return Answer.parse(facts).exitCode;
    } catch (error) {
      // whoever runs set-up asks why the sandbox was lost, and whose doing it was
      if (channel.loss !== undefined) return null;
      throw error;
    } finally {
      this.#onOutput = () => {};
    }
  }

  /** What was printed is in the pipe by now; what the command left running may print on and on. */
  async #trailing(): Promise<void> {
    const started = performance.now();
    do await sleep(QUIET_MS);
    while (performance.now() - this.#heard < QUIET_MS && performance.now() - started < TRAILING_MS);
  }

  [Symbol.dispose](): void {
    this.#reader.destroy();
    closeSync(this.#writer);
  }
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
