/** What the first bytes of a tunnel say: whose certificate the sandbox wants to see. */
export type Hello =
  | { kind: "more" }
  | { kind: "name"; name: string }
  | { kind: "refused"; reason: string };

const MAX_HELLO = 16_384;
const [HANDSHAKE, CLIENT_HELLO] = [22, 1];
const [SERVER_NAME, ENCRYPTED_CLIENT_HELLO] = [0, 0xfe0d];

/** Reads the server name of a TLS ClientHello from the bytes that came so far, over as many records as it takes. */
export const readClientHello = (bytes: Buffer): Hello => {
  const message = handshakeBytes(bytes);
  if (message === undefined) return { kind: "refused", reason: "what came is not TLS" };
  if (message.length > 0 && message[0] !== CLIENT_HELLO)
    return { kind: "refused", reason: "TLS did not begin with a ClientHello" };
  const length = message.length < 4 ? undefined : message.readUIntBE(1, 3);
  if (bytes.length > MAX_HELLO || (length ?? 0) > MAX_HELLO)
    return { kind: "refused", reason: "the ClientHello is too long" };
  if (length === undefined || message.length < 4 + length) return { kind: "more" };
  try {
    return serverName(message.subarray(4, 4 + length));
  } catch (error) {
    if (error instanceof RangeError)
      return { kind: "refused", reason: "the ClientHello is malformed" };
    throw error;
  }
};

/** The payload of all handshake records; undefined where other bytes are between them. */
const handshakeBytes = (bytes: Buffer): Buffer | undefined => {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== HANDSHAKE || (bytes[at + 1] ?? 3) !== 3) return undefined;
    if (at + 5 > bytes.length) break;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0) return undefined;
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return Buffer.concat(parts);
};

/** Reads past the end throw a RangeError. */
const serverName = (hello: Buffer): Hello => {
  const fields = reader(hello);
  fields.skip(2 + 32);
  fields.skip(fields.number(1));
  fields.skip(fields.number(2));
  fields.skip(fields.number(1));
  const extensions = reader(fields.take(fields.number(2)));
  let name: string | undefined;
  while (!extensions.done()) {
    const type = extensions.number(2);
    const body = reader(extensions.take(extensions.number(2)));
    // the name outside could be ours while the encrypted one inside is another's
    if (type === ENCRYPTED_CLIENT_HELLO)
      return { kind: "refused", reason: "the ClientHello hides a second one" };
    if (type !== SERVER_NAME) continue;
    const names = reader(body.take(body.number(2)));
    const kind = names.number(1);
    const text = names.take(names.number(2)).toString("latin1");
    if (kind !== 0 || name !== undefined || !names.done() || !body.done()) throw new RangeError();
    name = text;
  }
  return name === undefined
    ? { kind: "refused", reason: "TLS names no server (SNI)" }
    : { kind: "name", name };
};

const reader = (bytes: Buffer) => {
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError();
    at += length;
    return bytes.subarray(at - length, at);
  };
  return {
    take,
    skip: (length: number) => void take(length),
    number: (size: number) => take(size).readUIntBE(0, size),
    done: () => at === bytes.length,
  };
};
