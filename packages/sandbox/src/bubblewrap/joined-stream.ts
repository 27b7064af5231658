import { Duplex, type Readable, type Writable } from "node:stream";

/** The number that an engine's multiplexed stream gives to each source. */
const STDOUT = 1;
const STDERR = 2;

/** A process's stdin, stdout and stderr as one stream, multiplexed as an engine's is: what both are spoken to by. */
export class JoinedStream extends Duplex {
  #sources: Readable[] = [];
  #stdin: Writable | undefined;

  /** Called once, when the process has been started. */
  connect(process: { stdin?: Writable | undefined; stdout: Readable; stderr: Readable }): void {
    this.#stdin = process.stdin;
    // who ends early closes its stdin: its end tells more than EPIPE
    process.stdin?.on("error", () => {});
    this.#sources = [process.stdout, process.stderr];
    let open = this.#sources.length;
    for (const [source, number] of [
      [process.stdout, STDOUT],
      [process.stderr, STDERR],
    ] as const) {
      source.on("data", (chunk: Buffer) => this.#forward(number, chunk));
      source.on("error", () => {});
      source.on("close", () => {
        open -= 1;
        if (open === 0) this.push(null);
      });
    }
    if (this.destroyed) this.#close();
  }

  #forward(number: number, chunk: Buffer): void {
    // nobody listens any more, and who writes must not wait for that
    if (this.destroyed) return;
    const prefix = Buffer.alloc(8);
    prefix.writeUInt8(number, 0);
    prefix.writeUInt32BE(chunk.length, 4);
    this.push(prefix);
    if (!this.push(chunk)) for (const source of this.#sources) source.pause();
  }

  override _read(): void {
    for (const source of this.#sources) source.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#stdin === undefined) done(new Error("it has no stdin"));
    else this.#stdin.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#stdin?.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#close();
    done(error);
  }

  #close(): void {
    this.#stdin?.destroy();
    for (const source of this.#sources) source.resume();
  }
}
