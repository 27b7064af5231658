import { isEnded, PlanProposal, stepId } from "@headrace/domain";
import type { WorkflowPorts } from "@headrace/workflows";
import { boundText } from "./bound-text.ts";
import { type Context, stateOf } from "./options.ts";
import { previewPlan } from "./preview.ts";

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Gives graphs their rows and records what they ask for; a run that was ended under a graph gains nothing more. */
export const createWorkflowPorts = (context: Context): WorkflowPorts => {
  const { store, repos, limits } = context;
  const blob = async (id: string): Promise<Uint8Array> => {
    const bytes = await store.getBlob(id);
    if (bytes === undefined) throw new Error(`blob ${id} is missing`);
    return bytes;
  };
  return {
    limits,
    state: (run) => stateOf(store, run),
    async request(thread, request) {
      const step = stepId(thread.run, request.subject, request.step);
      await store.append(thread.run, (state) =>
        state === undefined || isEnded(state.run.status) || state.steps[step]
          ? []
          : [
              {
                type: "step.requested",
                step,
                subject: request.subject,
                thread: { kind: thread.kind, id: thread.id },
                input: request.input,
                ...(request.task === undefined ? {} : { task: request.task }),
                ...(request.attempt === undefined ? {} : { attempt: request.attempt }),
              },
            ],
      );
    },
    async record(run, decide) {
      await store.append(run, (state) =>
        state === undefined || isEnded(state.run.status) ? [] : decide(state),
      );
    },
    text: async (id, maxBytes) => boundText(decode(await blob(id)), maxBytes),
    async files(run, commit) {
      const { repo } = (await stateOf(store, run)).run;
      const entries = await (await repos.factory(repo.path)).list(commit);
      return entries.map(({ path }) => path);
    },
    async diff(run, from, to, maxBytes, paths) {
      const { run: row } = await stateOf(store, run);
      const repo = await repos.factory(row.repo.path);
      const { text, truncated } = await repo.diff(from, to, maxBytes, paths);
      return truncated ? `${text}\n[the diff is longer; its rest is left out]` : text;
    },
    async diffStat(run, from, to) {
      const { repo } = (await stateOf(store, run)).run;
      return (await repos.factory(repo.path)).diffStat(from, to);
    },
    freeze: (policy) => store.putBlob(new TextEncoder().encode(JSON.stringify(policy))),
    preview: (state, plan, machineTime) => previewPlan(context, state, plan, machineTime),
    givenPlan: async (id) => PlanProposal.parse(JSON.parse(decode(await blob(id)))),
  };
};
