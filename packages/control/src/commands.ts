import {
  type FactoryControl,
  formatUsd,
  isEnded,
  type NewEvent,
  PRODUCT,
  type RunState,
  UserError,
} from "@headrace/domain";
import { eventFeed } from "./event-feed.ts";
import type { Context } from "./options.ts";
import { submit } from "./submit.ts";

const find = async (context: Context, run: string): Promise<RunState> => {
  const state = await context.store.state(run);
  if (state === undefined)
    throw new UserError(`there is no run ${run}`, `\`${PRODUCT} status\` lists the runs.`);
  return state;
};

/** Appends what the command comes to, or says why it cannot be done now. */
const command = async (
  context: Context,
  run: string,
  decide: (state: RunState) => NewEvent[],
): Promise<void> => {
  await find(context, run);
  await context.store.append(run, (state) => (state === undefined ? [] : decide(state)));
};

const refuseEnded = ({ run }: RunState): void => {
  if (isEnded(run.status)) throw new UserError(`run ${run.id} has ended: it is ${run.status}`);
};

/** What clients may ask of a run, decided inside one transaction each. */
export const createCommands = (context: Context): FactoryControl => ({
  submit: oneAtATime((submission, pack) => submit(context, submission, pack)),
  runs: () => context.store.runs(),
  run: (id) => find(context, id),
  async *events(run, after, signal) {
    await find(context, run);
    yield* eventFeed(context.store, run, after, signal);
  },
  async blob(run, id) {
    await find(context, run);
    const bytes = await context.store.getBlob(id);
    if (bytes === undefined) throw new UserError(`there is no blob ${id}`);
    return bytes;
  },
  async pack(run, commit, have) {
    const state = await find(context, run);
    const known = [
      state.run.base,
      state.run.tip,
      ...Object.values(state.tasks).flatMap((t) => [t.change, t.workingChange]),
    ];
    if (!known.includes(commit)) throw new UserError(`commit ${commit} is not one of run ${run}`);
    return (await context.repos.factory(state.run.repo.path)).getPack(commit, have);
  },
  pause: (run, reason) =>
    command(context, run, (state) => {
      refuseEnded(state);
      return state.run.status === "paused" ? [] : [{ type: "run.paused", reason }];
    }),
  resume: (run) => command(context, run, resuming),
  cancel: (run, reason) =>
    command(context, run, (state) => {
      refuseEnded(state);
      return [{ type: "run.cancelled", reason }];
    }),
  answer: (run, question, text) =>
    command(context, run, (state) => answering(state, question, text)),
  raiseBudget: (run, by) =>
    command(context, run, (state) => {
      refuseEnded(state);
      const raised: NewEvent = { type: "budget.raised", budget: state.run.budget + by };
      return state.run.status === "budget" ? [raised, { type: "run.resumed" }] : [raised];
    }),
});

/** Each submission sees the runs that were accepted before it, so that it can queue behind them. */
const oneAtATime = (accept: FactoryControl["submit"]): FactoryControl["submit"] => {
  let last: Promise<unknown> = Promise.resolve();
  return (submission, pack) => {
    const mine = last.then(() => accept(submission, pack));
    last = mine.catch(() => undefined);
    return mine;
  };
};

const resuming = (state: RunState): NewEvent[] => {
  refuseEnded(state);
  const { run } = state;
  if (run.status === "active" || run.status === "queued") return [];
  if (run.status === "budget") {
    throw new UserError(
      `run ${run.id} has spent ${formatUsd(run.spent)} of ${formatUsd(run.budget)} and its next call does not fit`,
      `Raise the cap: \`${PRODUCT} budget ${run.id} --raise USD\``,
    );
  }
  // paused before its turn came: it goes back to its place, and starts when that is first
  if (run.behind !== undefined && Object.keys(state.steps).length === 0)
    return [{ type: "run.queued", behind: run.behind }];
  return [{ type: "run.resumed" }];
};

const answering = (state: RunState, id: string, text: string): NewEvent[] => {
  refuseEnded(state);
  const question = state.questions[id];
  if (question === undefined) {
    const open = Object.values(state.questions)
      .filter((q) => q.answer === undefined)
      .map((q) => q.id);
    throw new UserError(
      `there is no question ${id}`,
      `Open questions: ${open.join(", ") || "none"}.`,
    );
  }
  if (question.answer !== undefined)
    throw new UserError(`question ${id} was answered: ${question.answer}`);
  return [
    {
      type: "question.answered",
      question: id,
      text,
      ...(question.task === undefined ? {} : { task: question.task }),
    },
  ];
};
