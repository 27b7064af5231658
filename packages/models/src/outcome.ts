import {
  type Candidate,
  candidateKey,
  type FailureClass,
  ModelFailure,
  type ModelReply,
  type Settlement,
  UserError,
} from "@headrace/domain";

/** How a call ended, less what it took. */
type Outcome =
  | { kind: "reply"; reply: ModelReply }
  | Pick<Extract<Settlement, { kind: "failed" }>, "kind" | "failure" | "billed" | "seen">;

/** Replies that are of no use, by stop reason: another candidate may do better. */
const UNUSABLE: ReadonlyMap<string | null, { class: FailureClass; told: string }> = new Map([
  ["refusal", { class: "refusal", told: "refused" }],
  ["model_context_window_exceeded", { class: "context", told: "filled its context window" }],
]);

const MAX_TOLD = 300;

const textOf = ({ content }: ModelReply): string =>
  content
    .flatMap((block) => (block.type === "text" ? [String(block.text)] : []))
    .join(" ")
    .slice(0, MAX_TOLD)
    .toWellFormed();

/** A reply with which nothing can be done is a failure that is billed as the provider says. */
export const outcomeOf = (reply: ModelReply, candidate: Candidate): Outcome => {
  const unusable = UNUSABLE.get(reply.stopReason);
  if (unusable === undefined) return { kind: "reply", reply };
  const said = textOf(reply);
  const reason = `${candidateKey(candidate)} ${unusable.told}${said === "" ? "" : `: ${said}`}`;
  return {
    kind: "failed",
    failure: { class: unusable.class, reason },
    billed: true,
    seen: { state: "reported", usage: reply.usage },
  };
};

/** What was thrown on the way to a candidate; a provider without configuration here is one without a valid key. */
export const thrown = (error: unknown): Extract<Outcome, { kind: "failed" }> => {
  if (error instanceof UserError)
    return { kind: "failed", failure: { class: "auth", reason: error.message }, billed: false };
  if (!(error instanceof ModelFailure)) throw error;
  const { facts, billed, seen } = error;
  return { kind: "failed", failure: facts, billed, ...(seen === undefined ? {} : { seen }) };
};
