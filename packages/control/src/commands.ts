import {
  CONSENT_FORMS,
  type FactoryControl,
  formatUsd,
  isEnded,
  type NewEvent,
  PRODUCT,
  type RunState,
  readConsent,
  UserError,
} from "@headrace/domain";
import { eventFeed } from "./event-feed.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import type { Context } from "./options.ts";
import { raising, raisingTask, raisingTokens, refuseUsed } from "./raising.ts";
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
export const createCommands = (
  context: Context,
  then: {
    /** what stood still until a person acted is tried again */
    acted(run: string): Promise<void>;
    /** these providers have answered */
    reached(providers: readonly string[]): Promise<void>;
  },
): FactoryControl => {
  // each submission sees the runs that were accepted before it, so that it can queue behind them
  const serially = oneAtATime();
  return {
    submit: (submission, pack) =>
      serially(async () => {
        const { submitted, reached } = await submit(context, submission, pack);
        await then.reached(reached);
        return submitted;
      }),
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
    async resume(run) {
      await command(context, run, resuming);
      await then.acted(run);
    },
    cancel: (run, reason) =>
      command(context, run, (state) => {
        refuseEnded(state);
        return [{ type: "run.cancelled", reason }];
      }),
    answer: (run, question, text) =>
      command(context, run, (state) => answering(state, question, text)),
    async raiseBudget(run, by, task) {
      await command(context, run, (state) => {
        refuseEnded(state);
        return task === undefined ? raising(state, by) : raisingTask(state, by, task);
      });
      await then.acted(run);
    },
    async raiseTokens(run, by) {
      await command(context, run, (state) => {
        refuseEnded(state);
        return raisingTokens(state, by);
      });
      await then.acted(run);
    },
    steer: (run, text) =>
      command(context, run, (state) => {
        refuseEnded(state);
        return [{ type: "run.steered", text: wordsOf(text) }];
      }),
  };
};

const resuming = (state: RunState): NewEvent[] => {
  refuseEnded(state);
  const { run } = state;
  refuseUsed(state);
  if (run.status === "active" || run.status === "queued") return [];
  // paused before its turn came: it goes back to its place, and starts when that is first
  if (run.behind !== undefined && Object.keys(state.steps).length === 0)
    return [{ type: "run.queued", behind: run.behind }];
  return [{ type: "run.resumed" }];
};

const MAX_WORDS = 4000;

const wordsOf = (text: string): string => {
  const words = text.trim();
  if (words === "") throw new UserError("there is nothing to tell the agents");
  if (words.length > MAX_WORDS)
    throw new UserError(
      `a word to the agents has at most ${MAX_WORDS} characters, and this has ${words.length}`,
      "What is longer belongs into a file of the repository, or the next spec.",
    );
  return words;
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
  if (question.about === "consent") return consenting(state, id, text);
  return [
    {
      type: "question.answered",
      question: id,
      text,
      ...(question.task === undefined ? {} : { task: question.task }),
    },
  ];
};

/** An answer that is an amount sets the run's budget as well, up or down, but never below what is spent. */
const consenting = ({ run }: RunState, question: string, text: string): NewEvent[] => {
  const answer = readConsent(text);
  if (answer === undefined)
    throw new UserError(`"${text}" is no answer to ${question}`, `Answer ${CONSENT_FORMS}.`);
  const answered: NewEvent = { type: "question.answered", question, text };
  if (answer.kind !== "budget") return [answered];
  const { budget } = answer;
  if (budget <= run.spent)
    throw new UserError(
      `run ${run.id} has spent ${formatUsd(run.spent)} already`,
      `Name a higher budget than that, or answer no.`,
    );
  return [{ type: "budget.raised", budget }, answered];
};
