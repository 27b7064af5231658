import { z } from "zod";

/**
 * Ids travel in refs, job ids and `metadata.user_id`, so one narrow alphabet serves all of them. They are also keys
 * of plain records, where `constructor` is the one word of this alphabet that an empty object already has.
 */
export const Id = z
  .string()
  .min(1)
  .max(48)
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, "expected lower-case letters, digits and single dashes")
  .regex(/^(?!constructor$)/, "the word constructor cannot be an id");
export type Id = z.infer<typeof Id>;

/** A git object name (SHA-1 or SHA-256, lower-case hex). */
export const ObjectId = z
  .string()
  .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, "expected a git object id");
export type ObjectId = z.infer<typeof ObjectId>;

/** SHA-256 of a blob's bytes, lower-case hex. */
export const BlobId = z.string().regex(/^[0-9a-f]{64}$/, "expected a sha-256 in hex");
export type BlobId = z.infer<typeof BlobId>;

/** Turns free text into the tail of a branch name: at most `max` characters of the id alphabet. */
export const slug = (text: string, max = 40): string =>
  text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, max)
    .replace(/^-+|-+$/g, "") || "task";
