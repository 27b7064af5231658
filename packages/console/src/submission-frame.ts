import { PRODUCT, Submission, UserError } from "@headrace/domain";
import { parseSentJson } from "./parse-request.ts";

/** Body of a submission: four bytes of length (big-endian), so many bytes of JSON, and the pack to the end. */
const SUBMISSION_TYPE = `application/vnd.${PRODUCT}.submission`;

const HEADER_BYTES = 4;

export const encodeSubmission = (submission: Submission, pack: Uint8Array): Blob => {
  const json = new TextEncoder().encode(JSON.stringify(submission));
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  header.setUint32(0, json.byteLength);
  // a blob takes no view of shared memory, and a pack never is one
  return new Blob([header, json, pack as Uint8Array<ArrayBuffer>], { type: SUBMISSION_TYPE });
};

export const decodeSubmission = (
  body: ArrayBuffer,
): { submission: Submission; pack: Uint8Array } => {
  const length = body.byteLength < HEADER_BYTES ? Infinity : new DataView(body).getUint32(0);
  if (length > body.byteLength - HEADER_BYTES)
    throw new UserError(
      `the body is not a submission: expected ${HEADER_BYTES} bytes of length, the JSON and the pack`,
    );
  return {
    submission: parseSentJson(Submission, new Uint8Array(body, HEADER_BYTES, length)),
    pack: new Uint8Array(body, HEADER_BYTES + length),
  };
};
