// @ts-check
/**
 * Keeps the head and the tail of an output of any length within `limit` bytes, and counts all of it.
 * Where something was left out, a line says how much.
 */
export class BoundedOutput {
  #headLimit;
  /** @type {Buffer[]} */
  #head = [];
  #headBytes = 0;
  #tail;
  #tailEnd = 0;
  #total = 0;

  /** @param {number} limit */
  constructor(limit) {
    this.#headLimit = Math.ceil(limit / 2);
    this.#tail = Buffer.alloc(Math.floor(limit / 2));
  }

  /** @param {Uint8Array} chunk */
  push(chunk) {
    this.#total += chunk.length;
    const room = this.#headLimit - this.#headBytes;
    if (room > 0) {
      const part = Buffer.from(chunk.subarray(0, room));
      this.#head.push(part);
      this.#headBytes += part.length;
    }
    this.#pushTail(chunk.subarray(Math.max(0, room)));
  }

  /** The bytes kept, with the gap marked; cuts fall between UTF-8 characters. */
  take() {
    const head = Buffer.concat(this.#head);
    const seen = this.#total - head.length;
    const at = this.#tailEnd % (this.#tail.length || 1);
    if (seen <= this.#tail.length) {
      const bytes = Buffer.concat([head, this.#tail.subarray(0, seen)]);
      return { bytes, total: this.#total, truncated: false };
    }
    const ring = Buffer.concat([this.#tail.subarray(at), this.#tail.subarray(0, at)]);
    const [first, last] = [wholeEnd(head), wholeStart(ring)];
    const left = this.#total - first.length - last.length;
    const mark = Buffer.from(`\n[... ${left} bytes left out ...]\n`);
    return {
      bytes: Buffer.concat([first, mark, last]),
      total: this.#total,
      truncated: true,
    };
  }

  /** @param {Uint8Array} chunk */
  #pushTail(chunk) {
    const size = this.#tail.length;
    const skipped = Math.max(0, chunk.length - size);
    let rest = chunk.subarray(skipped);
    this.#tailEnd += skipped;
    while (rest.length > 0) {
      const copied = Math.min(rest.length, size - (this.#tailEnd % size));
      this.#tail.set(rest.subarray(0, copied), this.#tailEnd % size);
      this.#tailEnd += copied;
      rest = rest.subarray(copied);
    }
  }
}

/** @param {number | undefined} byte */
const isContinuation = (byte = 0) => (byte & 0xc0) === 0x80;

/** @param {Buffer} bytes */
function wholeStart(bytes) {
  let start = 0;
  while (start < 3 && isContinuation(bytes[start])) start += 1;
  return bytes.subarray(start);
}

/** @param {Buffer} bytes */
function wholeEnd(bytes) {
  let lead = bytes.length - 1;
  while (lead > bytes.length - 4 && lead > 0 && isContinuation(bytes[lead])) lead -= 1;
  const first = bytes[lead] ?? 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return lead + length > bytes.length ? bytes.subarray(0, lead) : bytes;
}
