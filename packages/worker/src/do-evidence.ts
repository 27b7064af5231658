import { RequirementClaim, type StepInputOf, type StepResult } from "@headrace/domain";
import { checkEvidence } from "@headrace/verify";
import { environmentOf, have, sandboxFor, tarOf } from "./trees.ts";
import type { Work } from "./worker.ts";

const COMMAND_MS = 10 * 60_000;
const OUTPUT_BYTES = 64 * 1024;

/** Re-runs every command and looks up every quote that acceptance named, each command in a fresh container. */
export const doEvidence = async (
  work: Work,
  input: StepInputOf<"evidence">,
): Promise<StepResult> => {
  const { inbox, repo, sandboxes } = work;
  await have(work, input.commit);
  const { image } = await environmentOf(work, input.commit);
  const tar = await tarOf(work, input.commit);
  const results = await checkEvidence({
    claims: RequirementClaim.array().parse(input.claims),
    runCommand: (command) =>
      sandboxes.runGate(
        {
          ...sandboxFor(work, image),
          command,
          tar,
          timeoutMs: COMMAND_MS,
          maxOutputBytes: OUTPUT_BYTES,
        },
        inbox.signal,
      ),
    readFile: (path) => repo.read(input.commit, path),
  });
  return { kind: "evidence", results };
};
