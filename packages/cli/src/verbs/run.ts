import { resolve } from "node:path";
import {
  type FactoryControl,
  formatUsd,
  type PriceBook,
  plainLine,
  type Submission,
  type Submitted,
  UserError,
} from "@headrace/domain";
import type { Credentials } from "@headrace/intake";
import { createClock } from "@headrace/store";
import { type DataDir, dataDir } from "../data-dir.ts";
import { knownImages } from "../factory/engine.ts";
import { createModels } from "../factory/models.ts";
import { requireSandboxes } from "../factory/sandboxes.ts";
import { ensureFactory } from "../factory/spawn.ts";
import { followRun } from "../follow.ts";
import { refuseSecrets } from "../secret-scan.ts";
import { type Prepared, prepareSubmission, readRequest } from "../submission.ts";
import { openTarget } from "../target.ts";
import { readInstallation } from "../user-config.ts";
import { aboutTimeouts } from "../view/machine-time.ts";
import { aboutAsked, aboutPolicy } from "../view/policy-lines.ts";
import { flag, text, type VerbAction, type World } from "../world.ts";

const DETACHED = 130;

/**
 * Submits a spec and follows the run; the run goes on whatever happens to this process. Everything that can be wrong
 * is looked at before a factory is started, what costs least first.
 */
export const run: VerbAction = async (world, [spec = ""], options) => {
  const { env, cwd } = world;
  const data = dataDir(text(options, "data"), env);
  const installation = await readInstallation({ env, dataDir: data.root });
  const { credentials, prices } = installation;
  const request = {
    spec,
    budget: text(options, "budget"),
    model: text(options, "model"),
    plan: text(options, "plan"),
    notify: text(options, "notify"),
  };
  const read = await readRequest(request, cwd, credentials);
  await using undo = new AsyncDisposableStack();
  const repo = await openTarget(options, cwd, undo);
  const prepared = await prepareSubmission(
    request,
    read,
    {
      ...{ repo, data, installation, knownImages: knownImages(env) },
      allowRepoConfig: flag(options, "allowRepoConfig"),
    },
    credentials,
  );
  const { spec: specText, base } = prepared.submission;
  const scanned = { spec: { file: resolve(cwd, spec), text: specText }, repo, base };
  prepared.notes.push(...(await refuseSecrets(scanned, flag(options, "allowSecrets"))));
  await requireSandboxes({ installation, data, env });
  await requireModel(prepared.submission, credentials, prices);
  const pack = await repo.pack(prepared.submission.base);
  const submit = async (control: FactoryControl): Promise<Submitted> => {
    // from here on the run may be accepted whatever this process hears of it
    const kept = undo.move();
    try {
      return await control.submit(prepared.submission, pack);
    } catch (error) {
      if (error instanceof UserError) await kept.disposeAsync();
      throw error;
    }
  };
  const job = { data, submit, prepared, json: flag(options, "json") };
  const awake = options.awake !== false;
  if (flag(options, "foreground")) return await inForeground(world, { ...job, awake });
  const control = await ensureFactory(data, env, job.json ? world.err : world.out, awake);
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
  return (
    (await followRun(world, control, submitted.run, { data, json: job.json, foreground: false })) ??
    DETACHED
  );
};

/** Asks for the run's models as the factory will: a wrong key, name or script starts no factory. */
const requireModel = async (
  { model, credentials: fingerprint }: Submission,
  credentials: Credentials | undefined,
  prices: PriceBook,
): Promise<void> => {
  await using models = createModels({ credentials, prices, clock: createClock() });
  await models.admit(model, fingerprint);
};

const announce = (
  say: (line: string) => void,
  { run: id, behind }: Submitted,
  prepared: Prepared,
): void => {
  const { submission, source, notes } = prepared;
  say(`run ${id}: ${submission.title}`);
  say(`  starts from ${submission.base.slice(0, 12)} of ${source.path}${aside(source)}`);
  const { policy } = submission;
  for (const line of [...aboutPolicy(policy), aboutAsked(policy), aboutTimeouts(policy)])
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

type Job = {
  data: DataDir;
  submit(control: FactoryControl): Promise<Submitted>;
  prepared: Prepared;
  json: boolean;
  awake: boolean;
};

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
    foreground: true,
  });
  if (code !== undefined) return code;
  await factory.control.pause(submitted.run, "the foreground process was interrupted");
  world.err(`parked; go on with: ${data.command(`resume ${submitted.run}`)}`);
  return DETACHED;
};
