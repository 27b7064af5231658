import type { FactoryControl } from "@headrace/domain";
import { z } from "zod";
import { type Call, Connection, type FactoryAddress } from "./connection.ts";
import { followEvents } from "./follow-events.ts";
import { encodeSubmission } from "./submission-frame.ts";
import { Health, RunStateBody, Submitted } from "./wire.ts";

const ANSWER_MS = 30_000;
/** submissions and packs may be large, and the far end imports them before it answers */
const TRANSFER_MS = 10 * 60_000;

/**
 * A factory over HTTP. Errors it reports come back as `UserError`; one that cannot be reached, or failed, throws
 * `InfrastructureError`. Nothing is repeated but the following of events.
 */
export const createClient = (address: FactoryAddress): FactoryControl => {
  const connection = new Connection(address);
  const json = async <T>(path: string, schema: z.ZodType<T>, call: Partial<Call> = {}) =>
    connection.call(path, { signal: AbortSignal.timeout(ANSWER_MS), ...call }, async (response) =>
      schema.parse(await response.json()),
    );
  const bytes = (path: string, call: Partial<Call> = {}) =>
    connection.call(
      path,
      { signal: AbortSignal.timeout(TRANSFER_MS), ...call },
      async (response) => new Uint8Array(await response.arrayBuffer()),
    );
  const command = async (run: string, verb: string, body: object): Promise<void> => {
    await json(`${pathOf(run)}/${verb}`, z.object({}), { method: "POST", body });
  };

  return {
    submit: (submission, pack) =>
      json("/v1/runs", Submitted, {
        method: "POST",
        body: encodeSubmission(submission, pack),
        signal: AbortSignal.timeout(TRANSFER_MS),
      }),
    runs: () => json("/v1/runs", z.array(RunStateBody)),
    run: (id) => json(pathOf(id), RunStateBody),
    events: (run, after, signal) => followEvents(connection, pathOf(run), after, signal),
    blob: (run, id) => bytes(`${pathOf(run)}/blobs/${encodeURIComponent(id)}`),
    pack: (run, commit, have) =>
      bytes(`${pathOf(run)}/pack`, { method: "POST", body: { commit, have } }),
    pause: (run, reason) => command(run, "pause", { reason }),
    resume: (run) => command(run, "resume", {}),
    cancel: (run, reason) => command(run, "cancel", { reason }),
    answer: (run, question, text) => command(run, "answer", { question, text }),
    raiseBudget: (run, by, task) => command(run, "budget", { by, task }),
    raiseTokens: (run, by) => command(run, "budget", { tokens: by }),
    steer: (run, text) => command(run, "steer", { text }),
  };
};

/** Which factory answers at an address; throws as the client does. */
export const askHealth = (address: FactoryAddress, timeoutMs = ANSWER_MS): Promise<Health> =>
  new Connection(address).call(
    "/v1/health",
    { signal: AbortSignal.timeout(timeoutMs) },
    async (response) => Health.parse(await response.json()),
  );

const pathOf = (run: string): string => `/v1/runs/${encodeURIComponent(run)}`;
