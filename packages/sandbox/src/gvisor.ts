import { InfrastructureError, UserError } from "@headrace/domain";
import type { Containers } from "./containers.ts";
import { EngineRefusal } from "./engine.ts";
import { HOME } from "./profile.ts";
import { runToEnd } from "./run-to-end.ts";

export const TRIAL_LIMITS = { memoryMb: 128, cpus: 1, pids: 128, diskMb: 1024, inodes: 10_000 };
const TRIAL_MS = 120_000;
const MARK = `${HOME}/kept`;
/** Leaves a file, and holds more memory than the limit: `tail` keeps a line that does not end. */
const TRIAL = `echo kept > ${MARK}; head -c 256M /dev/zero | tail | wc -c`;

/**
 * Tries what sandboxes rely on and an engine does not tell of its gVisor: that its limit of memory holds, and that what
 * is written lies where it can be measured and committed. Throws `UserError` with the flag that stands in the way.
 */
export const tryGvisor = async (
  containers: Containers,
  image: string,
  signal?: AbortSignal,
): Promise<void> => {
  await using container = await containers.create(
    {
      phase: "gate",
      image,
      command: ["/bin/sh", "-c", TRIAL],
      env: {},
      labels: {},
      limits: TRIAL_LIMITS,
      isolation: { runtime: "gvisor", userns: "any" },
    },
    signal,
  );
  const limits = { timeoutMs: TRIAL_MS, maxOutputBytes: 2000 };
  const { exitCode, timedOut, output } = await runToEnd(container, limits, signal);
  if (timedOut) throw new InfrastructureError(`a trial of gVisor did not end: ${output}`);
  if (exitCode === 0)
    throw new UserError(
      "this engine's gVisor runs without limits of memory: one sandbox could take all there is",
      flagRemedy("--ignore-cgroups"),
    );
  try {
    (await container.get(MARK, signal)).destroy();
  } catch (error) {
    if (!(error instanceof EngineRefusal && error.status === 404)) throw error;
    throw new UserError(
      "this engine's gVisor keeps what is written to itself: set-up could not be kept in an image, nor disk use be measured",
      `${flagRemedy("--overlay and --overlay2")} (newer versions: set \`--overlay2=none\`)`,
      { cause: error },
    );
  }
};

const flagRemedy = (flag: string): string =>
  `take ${flag} out of the \`runtimeArgs\` of runsc in the engine's daemon.json and restart it, or remove \`isolation.runtime: gvisor\``;
