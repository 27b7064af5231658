import { mapTexts } from "@headrace/domain";
import { seal } from "./dsse.ts";
import type { SigningKey } from "./keys.ts";
import { type LogHead, logStatement, type ReceiptFacts, receiptStatement } from "./statements.ts";

/** Signs what the control plane records; nobody else has one. */
export type Attestor = {
  /** The envelope of a receipt. */
  receipt(facts: ReceiptFacts): Uint8Array;
  /** The envelope that binds a run's log up to an event. */
  log(run: string, head: LogHead): Uint8Array;
};

/** `redact`: the one that events pass before they are written, so that a receipt is signed as it will be recorded. */
export const createAttestor = (
  key: SigningKey,
  redact: (text: string) => string = (text) => text,
): Attestor => ({
  receipt: (facts) => seal(key, Object(mapTexts(receiptStatement(facts), redact))),
  log: (run, head) => seal(key, logStatement(run, head)),
});
