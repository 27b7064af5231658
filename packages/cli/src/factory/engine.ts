import { UserError } from "@headrace/domain";
import type { KnownImages } from "@headrace/intake";
import { baseImageTag, findImage, imageDigests } from "../machine/base-image.mjs";
import { diagnoseEngine } from "../machine/engine-remedy.mjs";
import { type Engine, findEngine } from "../machine/find-engine.mjs";

/** The engine this machine's environment points at; throws `UserError` with what to install or start. */
export const requireEngine = async (env: NodeJS.ProcessEnv): Promise<Engine> => {
  const found = await findEngine(env);
  if (found.engine) return found.engine;
  const { detail, remedy } = diagnoseEngine(found.tried, env);
  throw new UserError(detail, remedy);
};

/** Throws `UserError` where the image every sandbox starts from is not on the engine. */
export const requireBaseImage = async (engine: Engine): Promise<void> => {
  if ((await findImage(engine, baseImageTag())) !== undefined) return;
  throw new UserError(
    `the engine does not have the base sandbox image ${baseImageTag()}`,
    "Build it: npm run setup   (in the clone of headrace)",
  );
};

/** What the engine knows of images; without an engine no image is run, and there is nothing to know. */
export const knownImages =
  (env: NodeJS.ProcessEnv): KnownImages =>
  async (reference) => {
    const { engine } = await findEngine(env);
    return engine && (await imageDigests(engine, reference));
  };
