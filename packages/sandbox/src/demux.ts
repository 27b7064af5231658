import type { Readable } from "node:stream";
import { InfrastructureError } from "@headrace/domain";

const PREFIX_BYTES = 8;

/** Reads the engine's multiplexed stream: `{u8 stream, 3 zero bytes, u32 length}` before each payload. */
export const demuxer = (
  on: (stream: "stdout" | "stderr", chunk: Buffer) => void,
): ((chunk: Buffer) => void) => {
  let prefix = Buffer.alloc(0);
  let left = 0;
  let stream: "stdout" | "stderr" = "stdout";
  return (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (left > 0) {
        const part = rest.subarray(0, left);
        on(stream, part);
        left -= part.length;
        rest = rest.subarray(part.length);
        continue;
      }
      const missing = PREFIX_BYTES - prefix.length;
      prefix = Buffer.concat([prefix, rest.subarray(0, missing)]);
      rest = rest.subarray(missing);
      if (prefix.length < PREFIX_BYTES) return;
      stream = streamOf(prefix);
      left = prefix.readUInt32BE(4);
      prefix = Buffer.alloc(0);
    }
  };
};

/** Feeds what flows out of `stream` to `on`; an error of either destroys the stream. */
export const demux = (stream: Readable, on: Parameters<typeof demuxer>[0]): void => {
  const push = demuxer(on);
  stream.on("data", (chunk: Buffer) => {
    try {
      push(chunk);
    } catch (error) {
      stream.destroy(error as Error);
    }
  });
};

const streamOf = (prefix: Buffer): "stdout" | "stderr" => {
  if ((prefix[0] ?? 0) > 2 || prefix.readUIntBE(1, 3) !== 0) {
    throw new InfrastructureError("the container engine's stream is not multiplexed as expected");
  }
  return prefix[0] === 2 ? "stderr" : "stdout";
};
