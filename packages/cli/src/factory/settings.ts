import { randomBytes } from "node:crypto";
import { UserError } from "@headrace/domain";
import { MIN_TOKEN } from "./control-file.ts";

const SLOTS = 4;
const IDLE_MS = 5 * 60_000;

const positive = (text: string | undefined, name: string, fallback: number): number => {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UserError(`${name}=${text}: expected a whole number above 0`);
  return value;
};

/** Agent jobs at a time. */
export const slotsFrom = (env: NodeJS.ProcessEnv): number =>
  positive(env.HEADRACE_SLOTS, "HEADRACE_SLOTS", SLOTS);

/** For how long a factory that ends when it is idle has had nothing to do. */
export const idleFrom = (env: NodeJS.ProcessEnv): number =>
  positive(env.HEADRACE_IDLE_MS, "HEADRACE_IDLE_MS", IDLE_MS);

/** What clients are asked for; they take a shorter one in control.json for a damaged file. */
export const tokenFrom = ({ HEADRACE_TOKEN: given }: NodeJS.ProcessEnv): string => {
  if (given !== undefined && given.length < MIN_TOKEN)
    throw new UserError(
      `HEADRACE_TOKEN has ${given.length} characters, at least ${MIN_TOKEN} are needed`,
      "Make one: openssl rand -hex 32",
    );
  return given ?? randomBytes(32).toString("hex");
};
