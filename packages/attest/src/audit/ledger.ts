import {
  accountSums,
  canonicalJson,
  classedBy,
  classedSums,
  entryProblem,
  picoReader,
  type StoredEvent,
} from "@headrace/domain";
import { type Log, sha256 } from "./log.ts";
import { type StoredRun, type Tally, Violation } from "./records.ts";

/** What the log says of a call. */
type Told = {
  step: string;
  role: string;
  model: string;
  cost: number;
  excess: number;
  estimated: boolean;
};

/** What the log says of each call, corrections included. */
const toldCalls = (events: readonly StoredEvent[]): Map<string, Told> => {
  const told = new Map<string, Told>();
  for (const event of events) {
    if (event.type === "model.called") {
      const { call, step, role, model, estimated } = event;
      const before = told.get(call);
      const cost = event.cost + (before?.cost ?? 0);
      const excess = (event.excess ?? 0) + (before?.excess ?? 0);
      told.set(call, { step, role, model, cost, excess, estimated });
    }
    if (event.type === "model.adjusted") {
      const { call, was, cost, excess = 0 } = event;
      const before = told.get(call);
      if (before?.cost !== was || !before.estimated)
        throw new Violation(`event ${event.seq} of run ${event.run}`, "corrects no estimate");
      told.set(call, { ...before, cost, excess, estimated: false });
    }
  }
  return told;
};

/** The ledger and the log tell the same of every call. */
const checkCalls = ({ calls }: StoredRun, { state }: Log, told: Map<string, Told>): void => {
  for (const { id, step, role, model, cost, excess, state: settled } of calls) {
    const object = `call ${id} of step ${step}`;
    const estimated = settled === "estimated";
    const held = { step, role, model, cost, excess, estimated };
    if (canonicalJson(told.get(id) ?? held) !== canonicalJson(held))
      throw new Violation(object, "the ledger is not what the log says");
    const isFree = settled === "open" || settled === "released";
    if (isFree && told.has(id))
      throw new Violation(object, `is ${settled}, but the log has its cost`);
    if (!told.delete(id) && !isFree)
      throw new Violation(object, `is ${settled}, but the log has no cost of it`);
  }
  for (const [id, { step }] of told)
    throw new Violation(`call ${id} of step ${step}`, "is missing from the ledger");
  const { run } = state;
  const sum = (of: "cost" | "excess") => calls.reduce((total, call) => total + call[of], 0);
  // a state holds no more than a number counts exactly
  const excess = Math.min(sum("excess"), Number.MAX_SAFE_INTEGER);
  if (sum("cost") !== run.spent || excess !== (run.excess ?? 0))
    throw new Violation(`ledger of run ${run.id}`, "adds up to another sum than the log");
};

/** What became of calls is what the log tells of, call by call and in its order: each event holds their hash. */
const checkClassed = (
  entries: NonNullable<StoredRun["entries"]>,
  events: readonly StoredEvent[],
  tally: Tally,
): void => {
  const classed = classedBy(entries);
  let told = 0;
  for (const event of events) {
    if (event.type !== "spend.classed") continue;
    const calls = classed.slice(told, told + event.calls);
    const { converted, overhead, waste, calls: count, parts } = event;
    const sums = canonicalJson({ converted, overhead, waste, calls: count });
    if (sha256(canonicalJson(calls)) !== parts || canonicalJson(classedSums(calls)) !== sums)
      throw new Violation(
        `event ${event.seq} of run ${event.run}`,
        "the ledger classes its calls otherwise",
      );
    told += count;
  }
  const [untold] = classed.slice(told);
  if (untold !== undefined)
    throw new Violation(`call ${untold.call}`, "is classed, and the log does not tell of it");
  tally.add("calls became what the log says", classed.length);
};

/** The tasks' sums, and those of the accounts that are this run's alone. */
const checkSums = ({ calls, accounts }: StoredRun, { state }: Log, tally: Tally): void => {
  for (const { id, spent } of Object.values(state.tasks)) {
    const own = calls.filter(({ task }) => task === id);
    if (own.reduce((total, { cost }) => total + cost, 0) !== spent)
      throw new Violation(`ledger of task ${id}`, "adds up to another sum than the log");
  }
  if (accounts === undefined) return;
  const mine = `run/${state.run.id}`;
  const sums = accountSums(calls);
  for (const account of accounts) {
    if (canonicalJson(sums.get(account.path)) !== canonicalJson(account))
      throw new Violation(`account ${account.path}`, "is not what its calls add up to");
    sums.delete(account.path);
  }
  for (const path of sums.keys())
    if (path === mine || path.startsWith(`${mine}/`))
      throw new Violation(`account ${path}`, "is missing");
  tally.add("accounts are what their calls add up to", accounts.length);
};

/** Every amount: entries make calls, calls make accounts, and all of it is what the log, which is signed, says. */
export const checkLedger = (stored: StoredRun, log: Log, tally: Tally): void => {
  const inPico = picoReader();
  const events = log.entries.map(({ event }) => inPico(event));
  const { calls, entries } = stored;
  checkCalls(stored, log, toldCalls(events));
  tally.add("calls cost what the log says", calls.length);
  if (entries === undefined) {
    tally.note("an archive of an older version holds no entries of the ledger");
    return;
  }
  const problem = entryProblem(calls, entries);
  if (problem !== undefined) {
    const step = calls.find(({ id }) => id === problem.call)?.step ?? "";
    throw new Violation(`call ${problem.call} of step ${step}`, problem.reason);
  }
  tally.add("entries of the ledger add up to its calls", entries.length);
  checkClassed(entries, events, tally);
  checkSums(stored, log, tally);
};
