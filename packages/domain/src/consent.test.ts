import { describe, expect, it } from "vitest";
import { consentQuestion, readConsent } from "./consent.ts";
import type { EventBody } from "./events.ts";
import { exitCode } from "./exit-code.ts";
import { fromUsd } from "./money.ts";
import type { Preview } from "./preview.ts";
import { oid, policyWith, proposalOf, RunLog, taskInput } from "./run-log-fixture.ts";

type Submitted = Partial<Extract<EventBody, { type: "run.submitted" }>>;

const previewUpTo = (usd: number): Preview => {
  const range = { low: 0, likely: 2, high: 4 };
  const cost = { low: 0, likely: fromUsd(usd / 2), high: fromUsd(usd) };
  const fan = { tasks: 2, width: 1, depth: 2, before: { tokens: 0, cost: 0 } };
  return {
    ...fan,
    calls: range,
    tokens: range,
    ms: range,
    cost,
    unpriced: [],
    roles: [],
  };
};

/** A run whose plan was accepted with a preview of up to so many dollars; half of it is likely. */
const planned = (
  usd: number,
  over: Submitted = {},
  log = runOf(over),
  version = 1,
  ids = ["a", "b"],
): RunLog => {
  const tasks = ids.map((id) => taskInput(`${id}${version}`));
  log.add({ type: "plan.proposed", plan: { ...proposalOf(tasks), version }, round: 1 });
  return log.add({
    ...{ type: "plan.accepted", version, requirements: [], policy: policyWith() },
    ...{ policyHash: "f".repeat(64), preview: previewUpTo(usd) },
  });
};
const runOf = (over: Submitted) => new RunLog({ amounts: "pico", budget: fromUsd(20), ...over });

const asked = (log: RunLog) => consentQuestion(log.state);

const ask = (log: RunLog): RunLog => {
  const question = asked(log);
  if (question === undefined) throw new Error("there is nothing to ask");
  return log.add({ type: "question.asked", about: "consent", ...question });
};
const answer = (log: RunLog, text: string, question = "consent-1"): RunLog =>
  log.add({ type: "question.answered", question, text });

describe("a person is asked before a plan's tasks begin", () => {
  it("where what is likely, with what was spent, passes the run's budget", () => {
    expect(asked(planned(40))).toBeUndefined();
    expect(asked(planned(41))).toEqual({
      question: "consent-1",
      text: "Plan 1 comes to likely $20.50 in all, with $20.00 allowed unasked (likely $20.50, up to $41.00, budget $20.00). Go on? Answer yes, no, or the run's budget in dollars to go on with, such as 40.",
      reason: "likely $20.50 in all, with $20.00 allowed unasked",
    });
  });

  it("where its high end passes what they set, whatever the budget", () => {
    expect(asked(planned(3, { consent: { above: fromUsd(2) } }))?.reason).toMatch(/^up to \$3.00/);
    expect(asked(planned(30, { consent: { above: fromUsd(50) } }))).toBeUndefined();
  });

  it("where the tasks of all versions are more than they set, or the installation has", () => {
    expect(asked(planned(1, { consent: { tasks: 1 } }))?.reason).toBe(
      "2 tasks in all, with 1 allowed unasked",
    );
    expect(asked(planned(1, { limits: { tasks: 1 } }))).toBeDefined();
    expect(asked(planned(1, { limits: { tasks: 1 }, consent: { tasks: 2 } }))).toBeUndefined();
  });

  it("where there are more than twenty of them and nobody said how many may be, on a simulated model too", () => {
    const ids = Array.from({ length: 21 }, (_, n) => `t${n}`);
    const of = (count: number, over: Submitted = {}) =>
      asked(planned(1, over, runOf(over), 1, ids.slice(0, count)));
    expect(of(20)).toBeUndefined();
    expect(of(21)?.reason).toBe("21 tasks in all, with 20 allowed unasked");
    expect(of(21, { model: { kind: "script", file: "/s.yaml" } })).toBeDefined();
    expect(of(21, { limits: { tasks: 21 } })).toBeUndefined();
    expect(of(21, { consent: { tasks: 21 } })).toBeUndefined();
  });

  it("where tokens are the budget, when those are likely to pass it", () => {
    expect(asked(planned(1, { limits: { tokens: 3 } }))).toBeUndefined();
    expect(asked(planned(1, { limits: { tokens: 1 } }))?.reason).toBe(
      "likely 2 tokens in all, with a budget of 1",
    );
  });

  it("never when they said yes beforehand, nor of a simulated run's budget", () => {
    expect(asked(planned(99, { consent: { given: true, above: 1 } }))).toBeUndefined();
    const script = { kind: "script", file: "/s.yaml" } as const;
    expect(asked(planned(99, { model: script }))).toBeUndefined();
    expect(asked(planned(99, { model: script, consent: { above: 1 } }))).toBeDefined();
  });

  it("of a later version only for what grew beyond what they said yes to", () => {
    const agreed = () => answer(ask(planned(60)), "yes");
    expect(asked(agreed())).toBeUndefined();
    expect(asked(planned(59, {}, agreed(), 2))).toBeUndefined();
    expect(asked(planned(61, {}, agreed(), 2))).toMatchObject({ question: "consent-2" });
  });

  it("and a no leaves the question as it was", () => {
    expect(asked(answer(ask(planned(60)), "no"))).toBeDefined();
  });
});

it("a run whose tasks are held for consent waits for a person, and goes on with the answer", () => {
  const log = ask(planned(60));
  expect(exitCode(log.state)).toBe(5);
  expect(exitCode(answer(log, "yes").state)).toBeUndefined();
});

it("an answer is yes, no or dollars; anything else is none", () => {
  expect(["yes", " Y ", "no", "N"].map((text) => readConsent(text)?.kind)).toEqual([
    ...["yes", "yes", "no", "no"],
  ]);
  expect(["40", "$2.50", "40 USD"].map(readConsent)).toEqual(
    [40, 2.5, 40].map((usd) => ({ kind: "budget", budget: fromUsd(usd) })),
  );
  for (const text of ["", "maybe", "0", "-3", "1e9", "999999", "yes please", oid("1")])
    expect(readConsent(text), text).toBeUndefined();
});
