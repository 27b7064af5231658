import { sign, verify } from "node:crypto";
import { canonicalJson } from "@headrace/domain";
import { z } from "zod";
import type { PublicKey, SigningKey } from "./keys.ts";

/** The payload of every envelope made here: an in-toto Statement. */
const PAYLOAD_TYPE = "application/vnd.in-toto+json";

/** As the DSSE protocol writes it; its decoders take both alphabets of base64, and so does Node's. */
const Envelope = z.object({
  payload: z.string().max(16 * 1024 * 1024),
  payloadType: z.string().max(200),
  signatures: z
    .array(z.object({ keyid: z.string().max(200).optional(), sig: z.string().max(200) }))
    .min(1)
    .max(16),
});

/** What is signed: type and body with their lengths in bytes, so that neither can run into the other. */
const preAuthentication = (type: string, body: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.length} `),
    Buffer.from(body),
  ]);

/** A signed envelope of the statement. Equal statements under one key give equal bytes. */
export const seal = (key: SigningKey, statement: object): Uint8Array => {
  const body = Buffer.from(canonicalJson(statement));
  const sig = sign(null, preAuthentication(PAYLOAD_TYPE, body), key.privateKey);
  const envelope = {
    payload: body.toString("base64"),
    payloadType: PAYLOAD_TYPE,
    signatures: [{ keyid: key.id, sig: sig.toString("base64") }],
  };
  return Buffer.from(canonicalJson(envelope));
};

export type Opened = { ok: true; statement: unknown } | { ok: false; problem: string };

/** The statement, once one of the signatures over it is the key's. The `keyid` is a hint and decides nothing. */
export const open = (key: PublicKey, bytes: Uint8Array): Opened => {
  const refused = (problem: string): Opened => ({ ok: false, problem });
  const envelope = Envelope.safeParse(parsed(bytes));
  if (!envelope.success) return refused("is no signed envelope");
  const { payload, payloadType, signatures } = envelope.data;
  const body = Buffer.from(payload, "base64");
  const signed = preAuthentication(payloadType, body);
  if (!signatures.some(({ sig }) => verify(null, signed, key.key, Buffer.from(sig, "base64")))) {
    const other = signatures.find(({ keyid }) => keyid !== undefined && keyid !== key.id)?.keyid;
    return refused(
      other === undefined
        ? `has a signature that does not fit what it signs`
        : `was signed by another key (${other}) than this installation's (${key.id})`,
    );
  }
  if (payloadType !== PAYLOAD_TYPE) return refused(`holds ${payloadType}, not ${PAYLOAD_TYPE}`);
  const statement = parsed(body);
  return statement === undefined
    ? refused("holds a statement that is no JSON")
    : { ok: true, statement };
};

const parsed = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
};
