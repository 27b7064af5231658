import {
  branchRef,
  integrationBranch,
  type NewEvent,
  Submission,
  type Submitted,
  slug,
  UserError,
} from "@headrace/domain";
import { refuseUnfitCanaries } from "@headrace/verify";
import type { Context } from "./options.ts";

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/**
 * Accepts a run: model and key checked, the base commit in the factory's own repository, then the row, in that
 * order, so that an accepted run lacks nothing (I1) and a refused one leaves no row.
 */
export const submit = async (
  context: Context,
  sent: Submission,
  pack: Uint8Array,
): Promise<{ submitted: Submitted; reached: readonly string[] }> => {
  const submission = checked(sent);
  const { store, repos, clock } = context;
  const { routes, overrides, limits, reached = [], notes = [] } = await context.admit(submission);
  const repo = await repos.factory(submission.repo.path);
  await repo.putPack(pack, submission.base, { boundary: true });
  await refuseUnfitCanaries({ repo, commit: submission.base }, submission.policy.gates);
  const id = `${slug(submission.title, 20)}-${clock.id().slice(0, 5)}`;
  const ref = branchRef(integrationBranch(id));
  if ((await repo.readRef(ref)) !== undefined)
    throw new UserError(`run ${id} exists already`, "Submit again.");
  await repo.moveRef(ref, submission.base, undefined);
  const spec = await store.putBlob(new TextEncoder().encode(submission.spec));
  const guidance = await store.putBlob(json(submission.guidance));
  const plan = submission.plan && (await store.putBlob(json(submission.plan)));
  const behind = await openRunOn(context, submission.repo.path);
  const submitted: NewEvent = {
    type: "run.submitted",
    title: submission.title,
    spec,
    requirements: submission.requirements,
    constraints: submission.constraints,
    base: submission.base,
    repo: submission.repo,
    policy: submission.policy,
    guidance,
    budget: submission.budget,
    model: submission.model,
    ...{ routes, overrides, limits },
    amounts: "pico",
    ...(plan === undefined ? {} : { plan }),
    ...(submission.merge === undefined ? {} : { merge: submission.merge }),
    ...(submission.notify === undefined ? {} : { notify: submission.notify }),
    ...(submission.consent === undefined ? {} : { consent: submission.consent }),
    ...(submission.until === undefined ? {} : { until: submission.until }),
  };
  const thread: NewEvent = { type: "thread.started", kind: "run", id: "run" };
  const queued: NewEvent[] = behind === undefined ? [] : [{ type: "run.queued", behind }];
  const told = notes.map((text): NewEvent => ({ type: "note.added", level: "warning", text }));
  await store.append(id, [submitted, ...queued, thread, ...told]);
  return { submitted: behind === undefined ? { run: id } : { run: id, behind }, reached };
};

const checked = (sent: Submission): Submission => {
  const parsed = Submission.safeParse(sent);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`);
  throw new UserError(`the submission is not valid: ${problems.join("; ")}`);
};

/** The newest run on the repository that has not ended: runs on one repository go one after the other. */
const openRunOn = async ({ store }: Context, path: string): Promise<string | undefined> =>
  (await store.openRuns()).findLast((s) => s.run.repo.path === path)?.run.id;
