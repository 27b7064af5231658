import { describe, expect, it } from "vitest";
import { BoundedOutput } from "../../../sandboxes/supervisor/bounded-output.mjs";

const bounded = (limit: number, chunks: readonly string[]) => {
  const output = new BoundedOutput(limit);
  for (const chunk of chunks) output.push(Buffer.from(chunk));
  const { bytes, total, truncated } = output.take();
  return { text: bytes.toString(), total, truncated };
};

describe("bounded output", () => {
  it("is whole up to the limit", () => {
    expect(bounded(10, [])).toEqual({ text: "", total: 0, truncated: false });
    expect(bounded(10, ["01234", "56789"])).toEqual({
      text: "0123456789",
      total: 10,
      truncated: false,
    });
  });

  it("keeps head and tail beyond it and says how much is gone", () => {
    expect(bounded(10, ["0123456789a"])).toEqual({
      text: "01234\n[... 1 bytes left out ...]\n6789a",
      total: 11,
      truncated: true,
    });
  });

  it("is the same however the bytes were cut into chunks", () => {
    const long = Array.from({ length: 5000 }, (_, index) => String(index)).join(",");
    const whole = bounded(101, [long]);
    for (const size of [1, 3, 50, 51, 1000]) {
      const chunks = long.match(new RegExp(`.{1,${size}}`, "g")) ?? [];
      expect(bounded(101, chunks)).toEqual(whole);
    }
    expect(whole.text.startsWith(long.slice(0, 51))).toBe(true);
    expect(whole.text.endsWith(long.slice(-50))).toBe(true);
  });

  it("cuts between characters", () => {
    for (const letter of ["ä", "€", "🙂"]) {
      for (const limit of [10, 11, 12, 13, 14, 15]) {
        expect(bounded(limit, [letter.repeat(20)]).text).not.toContain("\ufffd");
      }
    }
  });
});
