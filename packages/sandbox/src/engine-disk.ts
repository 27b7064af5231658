import { InfrastructureError } from "@headrace/domain";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import { demux } from "./demux.ts";
import type { Space } from "./disk-floor.ts";
import { bounded } from "./engine.ts";
import { lineReader } from "./line-reader.ts";
import { SHELL_LIMITS } from "./profile.ts";

const ANSWER_MS = 15_000;
/** Free blocks, size of a block, blocks, free inodes, inodes: at every line it is sent. */
const TELL = "while read -r _; do stat -f -c '%a %S %b %d %c' /; done";
const TOLD = /^(\d+) (\d+) (\d+) (\d+) (\d+)$/;

type Probe = { container: Container; ask: () => Promise<string> };

/**
 * How full the disk of containers' writable layers is, by a small container of ours that says what its own root lies
 * on: an engine may be on another machine, and tells no such thing itself. It ends when this process does.
 */
export class EngineDisk {
  readonly #containers: Containers;
  readonly #image: string;
  #probe: Promise<Probe> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(containers: Containers, image: string) {
    this.#containers = containers;
    this.#image = image;
  }

  /** Looks are answered in turn; one that fails has the next begin with another container. */
  look(): Promise<Space> {
    const look = this.#last.then(() => this.#look());
    this.#last = look.catch(() => this.rest());
    return look;
  }

  /** Removes the container until the next look. */
  async rest(): Promise<void> {
    const probe = this.#probe;
    this.#probe = undefined;
    await probe?.then(
      ({ container }) => container[Symbol.asyncDispose](),
      () => {},
    );
  }

  async #look(): Promise<Space> {
    this.#probe ??= this.#start();
    const { ask } = await this.#probe;
    return parse(await bounded({ to: "tell how full its disk is", ms: ANSWER_MS }, ask));
  }

  async #start(): Promise<Probe> {
    const container = await this.#containers.create({
      phase: "probe",
      image: this.#image,
      command: ["/bin/sh", "-c", TELL],
      env: {},
      labels: {},
      limits: SHELL_LIMITS,
    });
    try {
      const stream = await container.attach();
      let answer: PromiseWithResolvers<string> | undefined;
      const gone = () => answer?.reject(new InfrastructureError("the probe of its disk ended"));
      const lines = lineReader((line) => answer?.resolve(line));
      demux(stream, (_, chunk) => lines.push(chunk));
      stream.on("error", gone).on("close", gone).on("end", gone);
      await container.start();
      const ask = () => {
        answer = Promise.withResolvers();
        if (stream.destroyed || stream.readableEnded) gone();
        else stream.write("\n");
        return answer.promise;
      };
      return { container, ask };
    } catch (error) {
      await container[Symbol.asyncDispose]();
      throw error;
    }
  }
}

const parse = (line: string): Space => {
  const told = TOLD.exec(line)?.slice(1).map(Number);
  if (told === undefined)
    throw new InfrastructureError(`the probe of the engine's disk said: ${line}`);
  const [blocks = 0, size = 0, allBlocks = 0, files = 0, allFiles = 0] = told;
  return {
    bytes: { free: blocks * size, total: allBlocks * size },
    files: { free: files, total: allFiles },
  };
};
