import type { StoredEvent } from "../events.ts";

/** Fields of events that hold an amount. */
const AMOUNTS: Partial<Record<StoredEvent["type"], readonly string[]>> = {
  "run.submitted": ["budget"],
  "model.called": ["cost"],
  "budget.warned": ["spent", "budget"],
  "budget.stopped": ["spent", "budget"],
  "budget.raised": ["budget"],
};

const PICO_PER_NANO = 1000;

/** An event whose amounts are nano-dollars, as this version writes it. */
export const inPico = <E extends StoredEvent>(event: E): E => {
  const fields = AMOUNTS[event.type];
  if (fields === undefined) return event;
  const amounts = Object.entries(event).filter(([field]) => fields.includes(field));
  const scaled = amounts.map(([field, amount]) => [field, Number(amount) * PICO_PER_NANO]);
  return { ...event, ...Object.fromEntries(scaled) };
};

/** Reads a log from its first event: each event as this version writes it. */
export const picoReader = (): ((event: StoredEvent) => StoredEvent) => {
  let pico = false;
  return (event) => {
    if (event.type === "run.submitted" || event.type === "run.upgraded")
      pico = event.amounts === "pico";
    return pico ? event : inPico(event);
  };
};
