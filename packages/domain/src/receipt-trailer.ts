import { z } from "zod";
import { BlobId, Id } from "./ids.ts";

/**
 * What a landing's receipt trailer says: the receipt, the landing's place where it is an inner one of a batch, and the
 * SHA-256 of the envelope in which the receipt is signed.
 */
export type ReceiptTrailer = {
  receipt: string;
  part?: { index: number; of: number } | undefined;
  envelope?: string | undefined;
};

const TRAILER =
  /^(?<receipt>[^\s#]+)(?:#(?<index>[1-9]\d{0,2})\/(?<of>[1-9]\d{0,2}))?(?: sha256:(?<envelope>\S+))?$/;
const Parts = z.object({
  receipt: Id,
  index: z.coerce.number().optional(),
  of: z.coerce.number().optional(),
  envelope: BlobId.optional(),
});

/** `<receipt>[#<index>/<of>][ sha256:<envelope>]` */
export const formatReceiptTrailer = ({ receipt, part, envelope }: ReceiptTrailer): string => {
  const place = part === undefined ? "" : `#${part.index}/${part.of}`;
  return `${receipt}${place}${envelope === undefined ? "" : ` sha256:${envelope}`}`;
};

/** Undefined where a text is no such trailer. */
export const parseReceiptTrailer = (text: string): ReceiptTrailer | undefined => {
  const parts = Parts.safeParse(TRAILER.exec(text)?.groups);
  if (!parts.success) return undefined;
  const { receipt, index, of, envelope } = parts.data;
  return {
    receipt,
    ...(index === undefined || of === undefined ? {} : { part: { index, of } }),
    ...(envelope === undefined ? {} : { envelope }),
  };
};
