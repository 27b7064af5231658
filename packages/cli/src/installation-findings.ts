import { join } from "node:path";
import { UserError } from "@headrace/domain";
import { aboutCollector } from "./factory/telemetry.ts";
import type { Finding } from "./machine/findings.mjs";
import { type Installation, readInstallation } from "./user-config.ts";
import type { Provider } from "./user-config-providers.ts";

type Place = { env: NodeJS.ProcessEnv; dataDir: string };

/** What the person's own configuration has and lacks: the key of each provider, and who is told what a factory does. */
export const installationFindings = async (place: Place): Promise<Finding[]> => {
  let installation: Installation;
  try {
    installation = await readInstallation(place);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { problem: detail, remedy = "correct it" } = error;
    return [{ name: "configuration", state: "missing", detail, remedy }];
  }
  const told = aboutCollector(installation.config.telemetry, place.env);
  return [
    ...[...installation.providers.values()].map((provider) => keyFinding(provider, place)),
    ...(told === undefined
      ? []
      : [{ name: "telemetry", state: "ok" as const, detail: `what happens is told ${told}` }]),
  ];
};

const keyFinding = (
  { id, apiKey, settings, keyless }: Provider,
  { env, dataDir }: Place,
): Finding => {
  const name = "model key";
  if (keyless !== undefined)
    return {
      name,
      state: "warn",
      detail: `${id} has none: ${settings.key} is not set`,
      remedy: REMEDY(settings.key),
    };
  if (apiKey === undefined) return { name, state: "ok", detail: `${id} needs none` };
  const from = env[settings.key] ? "the environment" : join(dataDir, "credentials");
  return { name, state: "ok", detail: `${id} has ${settings.key} of ${from}` };
};

const REMEDY = (variable: string): string =>
  `export ${variable}=..., or write the line to \`credentials\` in the data directory, to run with its models; the demo and --model script:FILE need none`;
