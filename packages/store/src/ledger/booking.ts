import { type CallRow, type Pico, type Settled, totalTokens } from "@headrace/domain";

/** How a call is booked: at most what was held, and the rest beside it. */
export type Booking = Required<Pick<Settled, "state" | "cost">> & {
  usedTokens: number;
  excess: Pico;
  excessTokens: number;
};

/** Splits what was reported into what was held for it and what is above that. */
const within = (reported: number, held: number): [number, number] => [
  Math.min(reported, held),
  Math.max(0, reported - held),
];

/** Throws where a state and its cost do not go together: nothing but a settled call has a cost of its own. */
export const bookingOf = (
  held: Pick<CallRow, "id" | "amount" | "tokens">,
  { state, cost, usage, tokens = held.tokens }: Omit<Settled, "id"> & { tokens?: number },
): Booking => {
  const wrong = (expected: Pico) =>
    new Error(`call ${held.id} is ${state}, so it costs ${expected}, not ${cost}`);
  if (state === "released") {
    if (cost !== 0) throw wrong(0);
    return { state, cost, usedTokens: 0, excess: 0, excessTokens: 0 };
  }
  if (state === "estimated") {
    if (cost !== held.amount) throw wrong(held.amount);
    return { state, cost, usedTokens: held.tokens, excess: 0, excessTokens: 0 };
  }
  const used = usage === undefined ? tokens : totalTokens(usage);
  const [booked, excess] = within(cost, held.amount);
  const [usedTokens, excessTokens] = within(used, held.tokens);
  return { state, cost: booked, usedTokens, excess, excessTokens };
};
