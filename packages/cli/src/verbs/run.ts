import { formatUsd, plainLine, type Submitted } from "@headrace/domain";
import { ensureFactory } from "../factory/spawn.ts";
import { followRun } from "../follow.ts";
import { type HandIn, handIn } from "../hand-in.ts";
import type { Prepared } from "../submission.ts";
import { aboutTimeouts } from "../view/machine-time.ts";
import { aboutAsked, aboutPolicy } from "../view/policy-lines.ts";
import { flag, type VerbAction, type World } from "../world.ts";

const DETACHED = 130;

/** Submits a spec and follows the run; the run goes on whatever happens to this process. */
export const run: VerbAction = async (world, [spec = ""], options) => {
  await using undo = new AsyncDisposableStack();
  const ready = await handIn(world, spec, options, { undo });
  const { data, prepared, submit } = ready;
  const job = { ...ready, json: flag(options, "json") };
  const awake = options.awake !== false;
  if (flag(options, "foreground")) return await inForeground(world, { ...job, awake });
  const control = await ensureFactory(data, world.env, job.json ? world.err : world.out, awake);
  const submitted = await submit(control);
  announce(job.json ? world.err : world.out, submitted, prepared);
  if (flag(options, "detach")) {
    world.out(
      job.json
        ? JSON.stringify(submitted)
        : `  follow it: ${data.command(`watch ${submitted.run}`)}`,
    );
    return 0;
  }
  return (await followRun(world, control, submitted.run, { data, json: job.json })) ?? DETACHED;
};

const announce = (
  say: (line: string) => void,
  { run: id, behind }: Submitted,
  prepared: HandIn["prepared"],
): void => {
  const { submission, source, notes, about } = prepared;
  say(`run ${id}: ${submission.title}`);
  say(`  starts from ${submission.base.slice(0, 12)} of ${source.path}${aside(source)}`);
  const { policy } = submission;
  for (const line of [...aboutPolicy(policy), aboutAsked(policy), aboutTimeouts(policy), ...about])
    say(`  ${plainLine(line)}`);
  for (const note of notes) say(`  note: ${note}`);
  say(`  budget ${formatUsd(submission.budget)}${scripted(prepared)}`);
  if (behind !== undefined)
    say(`  queued behind run ${behind}, which works on the same repository`);
};

const scripted = ({ submission: { model } }: Prepared): string =>
  model.kind === "provider" ? "" : ` (${model.kind}: no model is called and no money is spent)`;

/** What is going on in the checkout, which is never used. */
const aside = (source: Prepared["source"]): string => {
  const facts = [
    ...(source.dirty ? ["uncommitted changes are left out"] : []),
    ...(source.operation === undefined ? [] : [`a ${source.operation} is in progress and stays`]),
    ...(source.shallow ? ["a shallow clone"] : []),
    ...(source.branch === undefined && !source.bare ? ["detached"] : []),
  ];
  return facts.length === 0 ? "" : ` (${facts.join("; ")})`;
};

type Job = HandIn & { json: boolean; awake: boolean };

const inForeground = async (
  world: World,
  { data, submit, prepared, json, awake }: Job,
): Promise<number> => {
  // a client that hands its run to the background factory should not wait for all of one to load
  const { openFactory } = await import("../factory/compose.ts");
  await using factory = await openFactory({
    data,
    env: world.env,
    awake,
    log: world.err,
  });
  const submitted = await submit(factory.control);
  announce(json ? world.err : world.out, submitted, prepared);
  const code = await followRun(world, factory.control, submitted.run, {
    data,
    json,
    own: factory.control,
  });
  if (code !== undefined) return code;
  await factory.control.pause(submitted.run, "the foreground process was interrupted");
  world.err(`parked; go on with: ${data.command(`resume ${submitted.run}`)}`);
  return DETACHED;
};
