import { resolve } from "node:path";
import type { FactoryControl, Submitted } from "@headrace/domain";
import { formatUsd, UserError } from "@headrace/domain";
import { readCredentials } from "@headrace/intake";
import { createRepository, openSourceRepo } from "@headrace/repo";
import { dataDir } from "../data-dir.ts";
import { openFactory } from "../factory/compose.ts";
import { requireEngine } from "../factory/engine.ts";
import { ensureFactory } from "../factory/spawn.ts";
import { followRun } from "../follow.ts";
import { type Prepared, prepareSubmission, readRequest } from "../submission.ts";
import { flag, type Options, text, type VerbAction, type World } from "../world.ts";

const DETACHED = 130;

/** Submits a spec and follows the run; the run goes on whatever happens to this process. */
export const run: VerbAction = async (world, [spec = ""], options) => {
  const { env, cwd } = world;
  const data = dataDir(text(options, "data"), env);
  const credentials = await readCredentials({ env, dataDir: data.root });
  const request = {
    spec,
    budget: text(options, "budget"),
    model: text(options, "model"),
    plan: text(options, "plan"),
    notify: text(options, "notify"),
  };
  const read = await readRequest(request, cwd, credentials);
  const repo = await openTarget(options, cwd);
  const prepared = await prepareSubmission(request, read, repo, credentials);
  // no engine is the commonest reason to stop: say it here, not in a background log
  await requireEngine(env);
  const pack = await repo.pack(prepared.submission.base);
  if (flag(options, "foreground")) {
    return inForeground(
      world,
      options,
      data,
      (control) => control.submit(prepared.submission, pack),
      prepared,
    );
  }
  const say = flag(options, "json") ? world.err : world.out;
  const control = await ensureFactory(data, env, say);
  const submitted = await control.submit(prepared.submission, pack);
  announce(say, submitted, prepared);
  if (flag(options, "detach")) {
    if (flag(options, "json")) world.out(JSON.stringify(submitted));
    return 0;
  }
  return (await followRun(world, control, submitted.run, followOptions(options))) ?? DETACHED;
};

const followOptions = (options: Options) => ({
  json: flag(options, "json"),
  awake: options.awake !== false,
});

const openTarget = async (options: Options, cwd: string) => {
  const fresh = text(options, "new");
  const existing = text(options, "repo");
  if (fresh !== undefined && existing !== undefined) {
    throw new UserError(
      "--repo and --new exclude each other",
      "Name the repository, or the folder to make one in.",
    );
  }
  if (fresh === undefined) return openSourceRepo({ path: resolve(cwd, existing ?? ".") });
  return openSourceRepo({ path: await createRepository(resolve(cwd, fresh)) });
};

const announce = (
  say: (line: string) => void,
  { run: id, behind }: Submitted,
  prepared: Prepared,
): void => {
  const { submission, source, notes } = prepared;
  say(`run ${id}: ${submission.title}`);
  say(`  starts from ${submission.base.slice(0, 12)} of ${source.path}${aside(source)}`);
  for (const gate of submission.policy.gates)
    say(`  gate ${gate.name}: ${gate.run} (${submission.policy.from.gates})`);
  if (submission.policy.gates.length === 0) say("  gates: none found; the plan brings its own");
  for (const command of submission.policy.setup)
    say(`  setup: ${command} (${submission.policy.from.setup})`);
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

const inForeground = async (
  world: World,
  options: Options,
  data: ReturnType<typeof dataDir>,
  submit: (control: FactoryControl) => Promise<Submitted>,
  prepared: Prepared,
): Promise<number> => {
  await using factory = await openFactory({ data, env: world.env, slots: 4, log: world.err });
  const submitted = await submit(factory.control);
  announce(flag(options, "json") ? world.err : world.out, submitted, prepared);
  const code = await followRun(world, factory.control, submitted.run, followOptions(options));
  if (code !== undefined) return code;
  await factory.control.pause(submitted.run, "the foreground process was interrupted");
  world.err(`parked; go on with: headrace resume ${submitted.run}`);
  return DETACHED;
};
