// @ts-check
/**
 * The frames of the attached stream, spoken by the supervisor and by the factory:
 * u32 header length, u32 body length (big-endian), header as JSON, body.
 */
const MAX_HEADER_BYTES = 1024 * 1024;
const PREFIX_BYTES = 8;
const NO_BODY = Buffer.alloc(0);

/**
 * @param {Readonly<Record<string, unknown>>} header
 * @param {Uint8Array} [body]
 * @returns {Uint8Array[]} to be written one after the other
 */
export function encodeFrame(header, body = NO_BODY) {
  const json = Buffer.from(JSON.stringify(header));
  if (json.length > MAX_HEADER_BYTES) {
    throw new RangeError(`a frame header may have ${MAX_HEADER_BYTES} bytes, not ${json.length}`);
  }
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(json.length, 0);
  prefix.writeUInt32BE(body.length, 4);
  return [prefix, json, body];
}

/**
 * Returns a function to feed with chunks; it throws at the first byte that breaks a limit.
 * `maxBody(header)` is asked before a body is buffered, so nobody can make the reader hold more than it expects.
 * @param {object} options
 * @param {(header: unknown) => number} options.maxBody
 * @param {(header: unknown, body: Buffer) => void} options.onFrame
 * @returns {(chunk: Buffer) => void}
 */
export function frameDecoder({ maxBody, onFrame }) {
  const bytes = byteQueue();
  /** @type {{ header: number, body: number } | undefined} */
  let lengths;
  /** @type {unknown} */
  let header;
  const step = () => {
    if (lengths === undefined) {
      if (bytes.size() < PREFIX_BYTES) return false;
      const prefix = bytes.take(PREFIX_BYTES);
      lengths = { header: prefix.readUInt32BE(0), body: prefix.readUInt32BE(4) };
      if (lengths.header > MAX_HEADER_BYTES) throw new RangeError("the frame header is too long");
      return true;
    }
    if (header === undefined) {
      if (bytes.size() < lengths.header) return false;
      header = JSON.parse(bytes.take(lengths.header).toString("utf8"));
      if (lengths.body > maxBody(header)) throw new RangeError("the frame body is too long");
      return true;
    }
    if (bytes.size() < lengths.body) return false;
    const [whole, body] = [header, bytes.take(lengths.body)];
    lengths = undefined;
    header = undefined;
    onFrame(whole, body);
    return true;
  };
  return (chunk) => {
    bytes.push(chunk);
    while (step());
  };
}

function byteQueue() {
  /** @type {Buffer[]} */
  let chunks = [];
  let size = 0;
  return {
    size: () => size,
    /** @param {Buffer} chunk */
    push(chunk) {
      chunks.push(chunk);
      size += chunk.length;
    },
    /** @param {number} count */
    take(count) {
      const [first] = chunks;
      const all = first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks, size);
      chunks = [all.subarray(count)];
      size -= count;
      return all.subarray(0, count);
    },
  };
}
