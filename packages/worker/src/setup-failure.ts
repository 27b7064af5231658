import { type SetupFailedError, tellUnreached } from "@headrace/domain";
import { failureHint } from "@headrace/verify";

const LOG_CHARS = 3000;
const MAX_HOSTS = 10;

/** What a person needs of a failed set-up: the command, hosts it did not get and why, the log's end. */
export const tellSetupFailure = (
  { message, exitCode, refused, unreached, log }: SetupFailedError,
  logChars = LOG_CHARS,
): string => {
  const hint = failureHint("setup", { exitCode, output: log });
  return [
    message,
    ...linesToAdd(refused.slice(0, MAX_HOSTS)),
    ...unreached.slice(0, MAX_HOSTS).map(tellUnreached),
    ...(hint === undefined ? [] : [hint]),
    log.slice(-logChars),
  ].join("\n");
};

const linesToAdd = (hosts: readonly string[]): string[] => {
  if (hosts.length === 0) return [];
  return [
    `it asked for hosts that no list names: ${hosts.join(", ")}`,
    "if it may have them, add to config.yaml in your data directory (or below the `sandbox:` of headrace.yaml, committed, and give --allow-repo-config):",
    "network:",
    `  setup: [${hosts.join(", ")}]`,
  ];
};
