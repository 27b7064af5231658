import { z } from "zod";
import { BlobId, Id } from "./ids.ts";

/** What a landing's receipt trailer says: the receipt, and the SHA-256 of the envelope in which it is signed. */
export type ReceiptTrailer = { receipt: string; envelope?: string };

const TRAILER = /^(?<receipt>\S+?)(?: sha256:(?<envelope>\S+))?$/;
const Parts = z.object({ receipt: Id, envelope: BlobId.optional() });

export const formatReceiptTrailer = ({ receipt, envelope }: ReceiptTrailer): string =>
  envelope === undefined ? receipt : `${receipt} sha256:${envelope}`;

/** Undefined where a text is no such trailer. */
export const parseReceiptTrailer = (text: string): ReceiptTrailer | undefined => {
  const parts = Parts.safeParse(TRAILER.exec(text)?.groups);
  if (!parts.success) return undefined;
  const { receipt, envelope } = parts.data;
  return envelope === undefined ? { receipt } : { receipt, envelope };
};
