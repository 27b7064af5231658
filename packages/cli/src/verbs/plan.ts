import { resolve } from "node:path";
import {
  exitCode,
  type PlanVersion,
  type Preview,
  plainLine,
  type RunState,
  UserError,
} from "@headrace/domain";
import { writePlan } from "@headrace/intake";
import { quoted } from "../command.ts";
import { type DataDir, dataDir } from "../data-dir.ts";
import { openReader } from "../factory/reader.ts";
import { ensureFactory } from "../factory/spawn.ts";
import { type View, watchEvents } from "../follow.ts";
import { handIn } from "../hand-in.ts";
import { requireNew, writeNew } from "../plan-file.ts";
import { eventLine } from "../view/event-line.ts";
import { planLines } from "../view/plan-lines.ts";
import { previewLines } from "../view/preview-lines.ts";
import { reportLines } from "../view/report.ts";
import { flag, type Options, text, type VerbAction, type World } from "../world.ts";

const DETACHED = 130;

/**
 * Plans a spec and stops there: nothing is built, and the run ends as planned. Prints the plan and what it is expected to
 * take, and writes it as a file for `run --plan`; `--of` does the same for the plan of a run that there is.
 */
export const plan: VerbAction = async (world, [spec], options) => {
  const of = text(options, "of");
  const out = text(options, "out");
  if ((spec === undefined) === (of === undefined))
    throw new UserError("name a spec, or a run with --of", "For example: `headrace plan spec.md`");
  const file = out === undefined ? undefined : resolve(world.cwd, out);
  if (file !== undefined) await requireNew(file);
  if (of === undefined) return await make(world, { spec: spec ?? "", options, file });
  const data = dataDir(text(options, "data"), world.env);
  await using reader = await openReader(data);
  return await show(world, await reader.run(of), { data, options, file });
};

type Target = { options: Options; file: string | undefined };

const make = async (
  world: World,
  { spec, options, file }: Target & { spec: string },
): Promise<number> => {
  await using undo = new AsyncDisposableStack();
  const { data, submit, prepared } = await handIn(world, spec, options, { undo, until: "plan" });
  const control = await ensureFactory(data, world.env, world.err, options.awake !== false);
  const { run, behind } = await submit(control);
  world.err(`run ${run} plans ${plainLine(prepared.submission.title, 100)}`);
  for (const line of prepared.about) world.err(`  ${plainLine(line)}`);
  for (const note of prepared.notes) world.err(`  note: ${note}`);
  if (behind !== undefined) world.err(`  queued behind run ${behind}`);
  const last = await watchEvents(control, run, world.interrupt, progress(world));
  if (last === undefined || world.interrupt.aborted) {
    world.err(`planning goes on; see the plan with: ${data.command(`plan --of ${run}`)}`);
    return DETACHED;
  }
  return await show(world, last, { data, options, file, spec });
};

/** What goes on, beside what is printed in the end. */
const progress = (world: World): View => ({
  event(event) {
    const line = eventLine(event);
    if (line !== undefined) world.err(line);
  },
  close: () => undefined,
});

/** The newest plan that was accepted. */
const acceptedOf = ({
  run,
  plans,
}: RunState): { plan: PlanVersion; preview: Preview | undefined } | undefined => {
  const row = plans[run.planVersion];
  return row?.plan === undefined ? undefined : { plan: row.plan, preview: row.preview };
};

const show = async (
  world: World,
  state: RunState,
  { data, options, file, spec = "SPEC" }: Target & { data: DataDir; spec?: string },
): Promise<number> => {
  const { run } = state;
  const accepted = acceptedOf(state);
  if (accepted === undefined) {
    for (const line of reportLines(state, data.command)) world.err(line);
    return exitCode(state) || 1;
  }
  if (file !== undefined) await writeNew(file, fileOf(state, accepted));
  if (flag(options, "json")) {
    world.out(JSON.stringify(factsOf(state, accepted)));
    return 0;
  }
  for (const line of planLines(state, accepted)) world.out(line);
  world.out("");
  world.out(
    file === undefined
      ? `  to edit it:   ${data.command(`plan --of ${run.id} -o plan.yaml`)}`
      : `  to build it:  ${data.command(`run ${quoted(spec)} --repo ${quoted(run.repo.path)} --plan ${quoted(file)}`)}`,
  );
  return 0;
};

type Accepted = NonNullable<ReturnType<typeof acceptedOf>>;

/** Requirements with the words of the spec they come from; everything else as it was accepted. */
const factsOf = ({ run }: RunState, { plan, preview }: Accepted) => {
  const { version, requirements: proposed, ambiguities = [], ...rest } = plan;
  const requirements = run.requirements.map((requirement) => {
    const quote = proposed.find(({ id }) => id === requirement.id)?.quote;
    return quote === undefined ? requirement : { ...requirement, quote };
  });
  return { run: run.id, title: run.title, version, requirements, ambiguities, ...rest, preview };
};

const fileOf = ({ run }: RunState, { plan, preview }: Accepted): string => {
  const { version: _, ...proposal } = plan;
  return writePlan(proposal, {
    about: [
      `A plan for: ${plainLine(run.title, 200)}`,
      `Made by run ${run.id}; edit it, then hand it in: headrace run SPEC --plan FILE`,
      ...(preview === undefined ? [] : ["", ...previewLines(preview)]),
    ],
    listed: run.requirements.filter(({ source }) => source === "listed"),
  });
};
