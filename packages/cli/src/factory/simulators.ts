import { readFile } from "node:fs/promises";
import type { ModelChoice, ModelClient } from "@headrace/domain";
import { createModelClient, MODEL_TIMEOUTS, type ModelTimeouts } from "@headrace/models";
import { type Simulator, type SimulatorMode, startSimulator } from "@headrace/simulator";

/** Behind a relay a person may take a day for a reply; the simulator's pings show all the while that it is alive. */
const RELAY_WAIT_MS = 24 * 60 * 60_000;
const RELAY_TIMEOUTS: ModelTimeouts = { ...MODEL_TIMEOUTS, totalMs: RELAY_WAIT_MS + 60_000 };

type Simulated = Exclude<ModelChoice, { kind: "provider" }>;

/** One simulator per script file or relay folder; it stands in for every provider. */
export interface Simulators extends AsyncDisposable {
  client(choice: Simulated): Promise<ModelClient>;
  /** Plays a script anew that was edited since; one that cannot be read leaves earlier runs of it alone. */
  reread(choice: Extract<Simulated, { kind: "script" }>): Promise<void>;
}

export const createSimulators = (): Simulators => {
  const simulators = new Map<string, Promise<Simulator>>();
  /** the text of each script as it was last submitted */
  const played = new Map<string, string>();
  /** their calls under way come to an end */
  const retired: Promise<Simulator>[] = [];

  const simulator = (mode: SimulatorMode): Promise<Simulator> => {
    const key = mode.kind === "script" ? `script:${mode.file}` : `relay:${mode.dir}`;
    const known = simulators.get(key);
    if (known) return known;
    const started = startSimulator({ mode });
    simulators.set(key, started);
    // a script that cannot be read must not be remembered: the person mends it and submits again
    started.catch(() => simulators.delete(key));
    return started;
  };

  return {
    async client(choice) {
      if (choice.kind === "script") {
        const { url, apiKey } = await simulator(choice);
        return createModelClient({ baseUrl: url, apiKey });
      }
      const { url, apiKey } = await simulator({ ...choice, waitMs: RELAY_WAIT_MS });
      return createModelClient({ baseUrl: url, apiKey, timeouts: RELAY_TIMEOUTS });
    },
    async reread(choice) {
      const text = await readFile(choice.file, "utf8").catch(() => undefined);
      if (text !== undefined && text === played.get(choice.file)) return;
      const fresh = startSimulator({ mode: choice });
      await fresh;
      const old = simulators.get(`script:${choice.file}`);
      if (old) retired.push(old);
      simulators.set(`script:${choice.file}`, fresh);
      if (text !== undefined) played.set(choice.file, text);
    },
    async [Symbol.asyncDispose]() {
      for (const started of [...simulators.values(), ...retired])
        await (await started.catch(() => undefined))?.close();
    },
  };
};
