import { HostileTreeError } from "@headrace/domain";
import { readCalls } from "./calls.ts";
import type { Session } from "./session.ts";
import { ToolError } from "./tool.ts";
import { toModel } from "./tools/files.ts";
import type { Turn } from "./transcript.ts";

/**
 * Saves the workspace as it stands after turn `n`, if a turn since the last snapshot may have changed it: durable when
 * it resolves. Turns that only read cost nothing; those that changed nothing cost one small row. Answers why the tree
 * may not enter the factory.
 */
export const save = async (session: Session, n: number): Promise<readonly string[]> => {
  const { api, claim, definition } = session.options;
  if (!definition.snapshots || !unsaved(session, n)) return [];
  try {
    const { pack, commit } = await session.sandbox.snapshot(claim.input.commit).catch(toModel);
    if (commit !== session.transcript.snapshot?.commit) {
      await api.putPack(claim.fence, pack, commit);
    }
    await session.record({ kind: "snapshot", turn: n, commit });
    return [];
  } catch (error) {
    return problemsOf(error);
  }
};

/**
 * Waits until what stood before this turn is durable, so that nothing of the turn runs before. Within a claim that is
 * the saving which began beside the model's call; a claim that goes on where another one broke off may have none.
 */
export const saveBefore = async (session: Session, turn: Turn): Promise<void> => {
  const begun = await session.saved();
  // with results of the turn recorded, the workspace is no longer what stood before it
  const problems = begun ?? (turn.results.size === 0 ? await save(session, turn.n - 1) : []);
  await tell(session, problems);
};

/** Saves the turn before it is judged. */
export const saveNow = async (session: Session, turn: Turn): Promise<readonly string[]> => {
  const problems = await save(session, turn.n);
  await tell(session, problems);
  return problems;
};

/** Nothing the model does is safe until that is mended, so it is told. */
export const tell = async (session: Session, problems: readonly string[]): Promise<void> => {
  if (problems.length === 0) return;
  await session.noteOnce(
    `The workspace cannot be saved as it is: ${problems.join("; ")}. Mend this first.`,
  );
};

const problemsOf = (error: unknown): readonly string[] => {
  if (error instanceof HostileTreeError) return error.problems;
  if (error instanceof ToolError) return [error.message];
  throw error;
};

const unsaved = (session: Session, n: number): boolean =>
  session.transcript.turns
    .slice(session.transcript.snapshot?.turn ?? 0, n)
    .some((turn) =>
      readCalls(turn, session.toolbox).some((call) => call.kind === "work" && call.mutates),
    );
