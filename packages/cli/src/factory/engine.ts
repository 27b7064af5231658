import { UserError } from "@headrace/domain";
import { diagnoseEngine } from "../machine/engine-remedy.mjs";
import { type Engine, findEngine } from "../machine/find-engine.mjs";

/** The engine this machine's environment points at; throws `UserError` with what to install or start. */
export const requireEngine = async (env: NodeJS.ProcessEnv): Promise<Engine> => {
  const found = await findEngine(env);
  if (found.engine) return found.engine;
  const { detail, remedy } = diagnoseEngine(found.tried, env);
  throw new UserError(detail, remedy);
};
