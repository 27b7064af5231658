import { describe, expect, it } from "vitest";
import { demuxer } from "./demux.ts";

const packet = (stream: number, text: string) => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text)]);
};
const read = (chunks: readonly Buffer[]) => {
  const out = { stdout: "", stderr: "" };
  const push = demuxer((stream, chunk) => {
    out[stream] += chunk.toString();
  });
  for (const chunk of chunks) push(chunk);
  return out;
};

describe("the engine's multiplexed stream", () => {
  const whole = Buffer.concat([
    packet(1, "out1 "),
    packet(2, "err "),
    packet(1, ""),
    packet(1, "out2"),
  ]);

  it.each([1, 3, 8, 9, 100])("is told apart from chunks of %i bytes", (size) => {
    const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
      whole.subarray(index * size, (index + 1) * size),
    );
    expect(read(chunks)).toEqual({ stdout: "out1 out2", stderr: "err " });
  });

  it("is refused when it is none", () => {
    expect(() => read([Buffer.from("HTTP/1.1 200 OK")])).toThrow("not multiplexed");
  });
});
