import {
  type GateResult,
  isBlind,
  type NewEvent,
  type Policy,
  PRODUCT,
  type Receipt,
} from "@headrace/domain";

const warning = (text: string): NewEvent[] => [{ type: "note.added", level: "warning", text }];

/** What is wrong with the base, from two checks of it: told before anything is spent on it. */
export const shortcomings = (first: Receipt, second: Receipt): NewEvent[] =>
  first.results.flatMap((result) => {
    const again = second.results.find(({ gate }) => gate === result.gate);
    return shortcoming(result, again, first.id);
  });

/**
 * Only tests that failed twice alike are shown to be red on the base: then an incident is open, and no other test may
 * fail. A gate that gives no report cannot be told from one that the run broke.
 */
const shortcoming = (
  { gate, verdict, reason, tests }: GateResult,
  again: GateResult | undefined,
  receipt: string,
): NewEvent[] => {
  const fails = verdict === "fail" && tests !== undefined && tests.failed > 0;
  if (again?.verdict !== verdict || (fails && again.tests?.list !== tests.list))
    return warning(`gate ${gate} is flaky on the base`);
  if (verdict === "pass") return [];
  const red = `gate ${gate} is red on the base: ${reason}`;
  if (fails) return [...warning(red), { type: "base.red", gate, failing: tests.failed, receipt }];
  if (verdict === "not_run" && tests !== undefined)
    return warning(`${red}; it is green once a task has added a test that runs`);
  return warning(`${red}; its tests are not reported, so no change passes before one mends it`);
};

/** Gates that would let anything pass, each with what to do about it: no run is built on them. */
export const refusals = ({ results }: Receipt, { gates, from }: Policy): string[] =>
  results.flatMap(({ gate, reason, canary }) => {
    if (canary === undefined || !isBlind(canary)) return [];
    const { run = "" } = gates.find(({ name }) => name === gate) ?? {};
    const where = from.gates === "spec" ? "the spec" : `${PRODUCT}.yaml`;
    return [
      `gate ${gate} (${run.slice(0, 300)}) is refused: it ${reason}. Make it look at the code; or give it in ${where} ` +
        "what it must be red on (`canary: FILE.patch`), or say that it has no such thing (`canary: off`). Nothing was spent",
    ];
  });
