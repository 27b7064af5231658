import type { RunState, StoredEvent } from "@headrace/domain";
import type { SeenRequest } from "@headrace/simulator";
import { z } from "zod";
import { openTestFactory } from "../support/factory.ts";
import type { TestRun } from "../support/factory-run.ts";
import { git } from "../support/git.ts";
import { rememberRepository } from "../support/untouched.ts";
import type { Stage } from "./stage.ts";

/** What happened in one run whose models did everything they were told to. */
export type Obeyed = {
  state: RunState;
  events: readonly StoredEvent[];
  /** every tool result that went back to a model; its own words are not among them */
  told: string;
  /** what models were asked */
  requests: readonly SeenRequest[];
  /** what the tools answered to one turn of a conversation, `<task>.<role>.<attempt>`, in the order of its calls */
  answers(conversation: string, turn: number): string[];
  run: TestRun;
  untouched(): Promise<void>;
};

export const factoryOf = (stage: Stage) =>
  stage.once("factory", async (closing) =>
    closing.use(await openTestFactory({ limits: { attempts: 5 } })),
  );

const Results = z.array(
  z.looseObject({ content: z.array(z.looseObject({ type: z.string() })).or(z.string()) }),
);

/** The tool results in the last of these messages. */
const resultsIn = (messages: unknown): string[] => {
  const [last] = Results.parse(messages ?? []).slice(-1);
  const blocks = typeof last?.content === "string" ? [] : (last?.content ?? []);
  return blocks.filter(({ type }) => type === "tool_result").map(({ content }) => String(content));
};

/** A run to where it settles, with all that its models saw. */
export const obey = async (
  stage: Stage,
  plan: Parameters<Awaited<ReturnType<typeof openTestFactory>>["start"]>[0],
): Promise<Obeyed> => {
  const factory = await factoryOf(stage);
  const run = await factory.start(plan);
  const untouched = await rememberRepository(run.repo);
  const settled = await run.settled();
  if (settled.run.status !== "complete")
    throw new Error(`the run is ${settled.run.status}: ${settled.run.reasons.join("; ")}`);
  const requests = await run.requests();
  const events = await run.events();
  stage.canaries.note("what models were asked", JSON.stringify(requests));
  stage.canaries.note("events", JSON.stringify(events));
  stage.canaries.note("branches", git(run.repo, "log", "-p", "--branches=headrace/*"));
  return {
    run,
    untouched,
    state: await run.state(),
    events,
    requests,
    told: requests.flatMap(({ body }) => resultsIn(body?.messages)).join("\n"),
    answers: (conversation, turn) => {
      const next = requests.find(
        (one) => one.user?.includes(`.${conversation}.`) && one.turn === turn + 1,
      );
      return resultsIn(next?.body?.messages);
    },
  };
};
