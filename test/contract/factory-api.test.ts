import { fromUsd, type NewEvent, PlanVersion, type StepInput } from "@headrace/domain";
import { type ControlRigOptions, controlRig, NO_GATES } from "../support/control-rig.ts";
import { commitFiles, git, packFrom } from "../support/git.ts";
import { task } from "../support/script.ts";
import { factoryApiBudgetSuite } from "./suites/factory-api-budget-suite.ts";
import { factoryApiCallSuite } from "./suites/factory-api-call-suite.ts";
import type { ApiFixture } from "./suites/factory-api-context.ts";
import { factoryApiInstallationSuite } from "./suites/factory-api-installation-suite.ts";
import { factoryApiSuite } from "./suites/factory-api-suite.ts";

/** A plan of the one task `t1`, so that its steps have a row. */
const planned = (requirements: Extract<NewEvent, { type: "plan.accepted" }>["requirements"]) => {
  const tasks = [task("t1", { requirements: [] })];
  const plan = PlanVersion.parse({ version: 1, summary: "One task.", tasks });
  return (policyHash: string): NewEvent[] => [
    { type: "plan.proposed", plan, round: 1 },
    { type: "plan.accepted", version: 1, requirements, policy: NO_GATES, policyHash },
  ];
};

const inProcess = async (options?: ControlRigOptions): Promise<ApiFixture> => {
  const rig = await controlRig(options);
  const { store, control } = rig;
  const begin = async () => {
    const { submission, pack, user } = await rig.submission();
    const { run } = await control.commands.submit({ ...submission, budget: fromUsd(1) }, pack);
    const policyHash = await store.putBlob(Buffer.from(JSON.stringify(NO_GATES)));
    await store.append(run, planned(submission.requirements)(policyHash));
    return { run, submission, user };
  };
  const { run, submission, user } = await begin();
  const request = async (of: string, name: string, input: StepInput): Promise<string> => {
    const step = `${of}-t1-${name}`;
    const thread = { kind: "task" as const, id: "t1" };
    const about = { subject: "t1", task: "t1", attempt: 1 };
    await store.append(of, [{ type: "step.requested", step, thread, input, ...about }]);
    return step;
  };
  const onBase = async (files: Parameters<typeof commitFiles>[1]) => {
    const commit = await commitFiles(user.path, files);
    const handed = { commit, pack: packFrom(user.path, commit, `^${submission.base}`) };
    git(user.path, "reset", "--quiet", "--hard", submission.base);
    return handed;
  };
  return {
    api: control.api,
    run,
    base: submission.base,
    request: (name, input) => request(run, name, input),
    async elsewhere(input) {
      const other = await begin();
      const step = await request(other.run, "code-1", {
        ...input,
        ...("commit" in input ? { commit: other.submission.base } : {}),
      });
      const answer = await control.api.claim(other.run, step, "w9");
      if (answer.kind !== "claimed") throw new Error(`${step} was not claimed: ${answer.kind}`);
      return answer.claim.fence;
    },
    commit: (path) => onBase({ [path]: "text\n" }),
    hostile: () => onBase({ escape: { link: "../../etc/passwd" } }),
    advance: (ms) => rig.clock.advance(ms),
    now: () => rig.clock.now(),
    commands: control.commands,
    successor: (settings) => rig.boot(settings).api,
    pause: () => control.commands.pause(run, "a test"),
    calls: () => store.calls(run),
    exhaust: () => store.exhaust(run),
    state: () => control.commands.run(run),
    events: () => store.events(run),
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
};

factoryApiSuite("the control plane", inProcess);
factoryApiCallSuite("the control plane", inProcess);
factoryApiBudgetSuite("the control plane", inProcess);
factoryApiInstallationSuite("the control plane", inProcess);
