import { describe, expect, it } from "vitest";
import { encodeFrame, frameDecoder } from "../../../sandboxes/supervisor/frames.mjs";

const decoded = (chunks: Iterable<Buffer>, maxBody = 100) => {
  const frames: Array<[unknown, string]> = [];
  const push = frameDecoder({
    maxBody: () => maxBody,
    onFrame: (header, body) => frames.push([header, body.toString()]),
  });
  for (const chunk of chunks) push(chunk);
  return frames;
};
const wire = (header: Record<string, unknown>, body = "") =>
  Buffer.concat(encodeFrame(header, Buffer.from(body)));
const prefix = (header: number, body: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(header, 0);
  bytes.writeUInt32BE(body, 4);
  return bytes;
};

describe("frames", () => {
  const three = Buffer.concat([wire({ id: 1 }, "one"), wire({ id: 2 }), wire({ id: 3 }, "ä")]);
  const expected = [
    [{ id: 1 }, "one"],
    [{ id: 2 }, ""],
    [{ id: 3 }, "ä"],
  ];

  it.each([1, 2, 7, 8, 9, 1000])("arrive whole from chunks of %i bytes", (size) => {
    const chunks = Array.from({ length: Math.ceil(three.length / size) }, (_, index) =>
      three.subarray(index * size, (index + 1) * size),
    );
    expect(decoded(chunks)).toEqual(expected);
  });

  it("are refused before a body above the limit is buffered", () => {
    expect(() => decoded([prefix(2, 101), Buffer.from("{}")])).toThrow("body is too long");
    expect(decoded([prefix(2, 100), Buffer.from("{}")])).toEqual([]);
  });

  it("are refused when their header is too long or no JSON", () => {
    expect(() => decoded([prefix(2 ** 32 - 1, 0)])).toThrow("header is too long");
    expect(() => decoded([prefix(2, 0), Buffer.from("{]")])).toThrow(SyntaxError);
    expect(() => encodeFrame({ text: "x".repeat(2 ** 20) })).toThrow(RangeError);
  });
});
