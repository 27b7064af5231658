import { HostileTreeError } from "@headrace/domain";
import { readCalls } from "./calls.ts";
import type { Session } from "./session.ts";
import { ToolError } from "./tool.ts";
import { toModel } from "./tools/files.ts";
import type { Turn } from "./transcript.ts";

/**
 * Saves the workspace if a turn since the last snapshot may have changed it, so that nothing of the next turn runs
 * before this one is durable. A turn that only read costs nothing; one that changed nothing costs one small row.
 * Answers why the tree may not enter the factory, and tells the model: nothing it does is safe until that is mended.
 */
export const save = async (session: Session, turn: Turn): Promise<readonly string[]> => {
  const { api, claim, definition } = session.options;
  if (!definition.snapshots || !unsaved(session)) return [];
  try {
    const { pack, commit } = await session.sandbox.snapshot(claim.input.commit).catch(toModel);
    if (commit !== session.transcript.snapshot?.commit) {
      await api.putPack(claim.fence, pack, commit);
    }
    await session.record({ kind: "snapshot", turn: turn.n, commit });
    return [];
  } catch (error) {
    const problems = problemsOf(error);
    await session.noteOnce(
      `The workspace cannot be saved as it is: ${problems.join("; ")}. Mend this first.`,
    );
    return problems;
  }
};

const problemsOf = (error: unknown): readonly string[] => {
  if (error instanceof HostileTreeError) return error.problems;
  if (error instanceof ToolError) return [error.message];
  throw error;
};

const unsaved = (session: Session): boolean =>
  session.transcript.turns
    .slice(session.transcript.snapshot?.turn ?? 0)
    .some((turn) =>
      readCalls(turn, session.toolbox).some((call) => call.kind === "work" && call.mutates),
    );
