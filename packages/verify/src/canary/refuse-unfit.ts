import { type Gate, UserError } from "@headrace/domain";
import type { CanaryGround } from "./run-canaries.ts";

/** Throws `UserError` where a canary's patch does not apply to the base: it would show nothing. */
export const refuseUnfitCanaries = async (
  { repo, commit }: { repo: Pick<CanaryGround["repo"], "alter">; commit: string },
  gates: readonly Gate[],
): Promise<void> => {
  for (const { name, canary } of gates) {
    if (canary === undefined || canary === "off") continue;
    const altered = await repo.alter(commit, canary);
    if (altered.outcome === "unfit")
      throw new UserError(
        `gate ${name}: canary: the patch does not apply to ${commit.slice(0, 12)}: ${altered.reason}`,
        "Make it again from that commit with `git diff`, and commit it.",
      );
  }
};
