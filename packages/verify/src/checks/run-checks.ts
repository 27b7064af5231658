import { type Check, type CheckName, type ChecksRequest, plainLine } from "@headrace/domain";
import { baseSuite } from "./base-suite.ts";
import { changedFiles } from "./changed-tests.ts";
import { MachineTime } from "./machine-time.ts";
import { mutantCheck } from "./mutant-check.ts";
import { redOnBase } from "./red-on-base.ts";
import type { Finding, Site } from "./site.ts";

const MAX_DETAIL = 2000;

export type ChecksBench = Omit<Site, "changed" | "time"> & {
  request: ChecksRequest;
  putBlob(bytes: Uint8Array): Promise<string>;
  /** told of each check when it has ended */
  onCheck(check: Check): Promise<void>;
};

/**
 * Looks further at a task's change whose gates are green, in the order of what it shows for its time, until one fails.
 * Throws `InfrastructureError` where a gate could not be run; rejects when aborted.
 */
export const runChecks = async (bench: ChecksBench): Promise<Check[]> => {
  const { repo, base, commit, request, putBlob, onCheck } = bench;
  const changed = changedFiles(await repo.list(base), await repo.list(commit));
  const time = new MachineTime(request.budgetMs);
  const site: Site = { ...bench, changed, time };
  const plan: readonly (readonly [CheckName, (site: Site) => Promise<Finding>])[] = [
    ["base-suite", baseSuite],
    ...(request.fix ? [["red-on-base", redOnBase] as const] : []),
    ["mutants", mutantCheck],
  ];
  const checks: Check[] = [];
  for (const [name, look] of plan) {
    const failed = checks.find(({ outcome }) => outcome === "fail");
    const before = time.usedMs;
    const { output, detail, ...finding }: Finding =
      failed === undefined ? await look(site) : { outcome: "skipped", detail: "another failed" };
    const check: Check = {
      check: name,
      ...finding,
      detail: plainLine(detail, MAX_DETAIL),
      durationMs: time.usedMs - before,
      ...(output === undefined ? {} : { log: await putBlob(new TextEncoder().encode(output)) }),
    };
    checks.push(check);
    await onCheck(check);
  }
  return checks;
};
