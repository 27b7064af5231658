import { resolve } from "node:path";
import { type FactoryControl, type Submission, type Submitted, UserError } from "@headrace/domain";
import { createClock } from "@headrace/store";
import { consentOf } from "./consent.ts";
import { type DataDir, dataDir } from "./data-dir.ts";
import { knownImages } from "./factory/engine.ts";
import { createModels, type Models } from "./factory/models.ts";
import { requireSandboxes } from "./factory/sandboxes.ts";
import { aboutCollector } from "./factory/telemetry.ts";
import { refuseSecrets } from "./secret-scan.ts";
import { type Prepared, prepareSubmission, readRequest } from "./submission.ts";
import { openTarget } from "./target.ts";
import { type Installation, readInstallation } from "./user-config.ts";
import { aboutRoutes } from "./view/route-lines.ts";
import { flag, type Options, text, type World } from "./world.ts";

/** A spec that is ready to be handed to a factory. */
export type HandIn = {
  data: DataDir;
  /** `about`: which models work on it and who is told of it, as lines that a person reads before it starts */
  prepared: Prepared & { about: string[] };
  /** what was made for a run that is refused is taken away again */
  submit(control: FactoryControl): Promise<Submitted>;
};

/**
 * Everything that can be wrong with a spec, its repository and its model is looked at before a factory is started, what
 * costs least first. `undo` takes away what was made, unless the spec is submitted.
 */
export const handIn = async (
  { env, cwd }: World,
  spec: string,
  options: Options,
  { undo, until }: { undo: AsyncDisposableStack; until?: Submission["until"] },
): Promise<HandIn> => {
  const data = dataDir(text(options, "data"), env);
  const installation = await readInstallation({ env, dataDir: data.root });
  const request = {
    spec,
    budget: text(options, "budget"),
    budgetTokens: text(options, "budgetTokens"),
    model: text(options, "model"),
    plan: text(options, "plan"),
    notify: text(options, "notify"),
  };
  const read = await readRequest(request, cwd, installation);
  const repo = await openTarget(options, cwd, undo);
  const prepared = await prepareSubmission(request, read, {
    ...{ repo, data, installation, knownImages: knownImages(env) },
    allowRepoConfig: flag(options, "allowRepoConfig"),
  });
  const { spec: specText, base } = prepared.submission;
  const scanned = { spec: { file: resolve(cwd, spec), text: specText }, repo, base };
  prepared.notes.push(...(await refuseSecrets(scanned, flag(options, "allowSecrets"))));
  await requireSandboxes({ installation, data, env });
  const consent = consentOf(options, installation.config.ask);
  const submission: Submission = {
    ...prepared.submission,
    ...(consent === undefined ? {} : { consent }),
    ...(until === undefined ? {} : { until }),
  };
  const { notes, routes, overrides } = await requireModel(submission, installation);
  prepared.notes.push(...notes);
  const told = aboutCollector(installation.config.telemetry, env);
  const about = [
    ...(submission.model.kind === "provider" ? aboutRoutes(routes, overrides) : []),
    ...(told === undefined ? [] : [`telemetry: what happens is told ${told}`]),
  ];
  const pack = await repo.pack(submission.base);
  const submit = async (control: FactoryControl): Promise<Submitted> => {
    // from here on the run may be accepted whatever this process hears of it
    const kept = undo.move();
    try {
      return await control.submit(submission, pack);
    } catch (error) {
      if (error instanceof UserError) await kept.disposeAsync();
      throw error;
    }
  };
  return { data, prepared: { ...prepared, submission, about }, submit };
};

/** Asks for the run's models as the factory will: a wrong key, name or script starts no factory. */
const requireModel = async (
  submission: Submission,
  installation: Installation,
): ReturnType<Models["admit"]> => {
  await using models = createModels({ installation, clock: createClock() });
  return await models.admit(submission);
};
