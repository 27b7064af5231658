import { readCalls } from "./calls.ts";
import type { Session } from "./session.ts";
import { ToolError } from "./tool.ts";

const GONE =
  "files that git ignores, files outside the workspace and processes you started are gone. Recorded results above stay as they were.";
export const REPLACED = `The sandbox was lost and has been replaced. The workspace stands as after your last call; ${GONE}`;
/** For calls that would only break the next sandbox as well. */
export const UNDONE = `The sandbox was lost and has been replaced. It broke again when your last calls were repeated, so what they changed in the workspace is undone; ${GONE}`;

/**
 * Brings a fresh sandbox to where the record says the last one was: the newest snapshot, then the effects of the
 * recorded calls after it, unless these are not to be repeated. Their results are not asked for again: the transcript
 * keeps the first ones. Answers whether there was anything to bring back.
 */
export const restore = async (
  session: Session,
  { repeat }: { repeat: boolean },
): Promise<boolean> => {
  const { api, claim } = session.options;
  const { turns, snapshot } = session.transcript;
  const commit = snapshot?.commit ?? claim.input.commit;
  await session.sandbox.checkout(await api.getPack(claim.fence, commit, []), commit);
  if (turns.length === 0) return false;
  await writeBackOutputs(session);
  if (repeat) await repeatCalls(session, snapshot?.turn ?? 0);
  return true;
};

const writeBackOutputs = async (session: Session): Promise<void> => {
  const { api, claim } = session.options;
  for (const turn of session.transcript.turns) {
    for (const { full } of turn.results.values()) {
      if (full === undefined) continue;
      const bytes = await api.getBlob(claim.fence, full.blob);
      if (bytes === undefined)
        throw new Error(`the transcript names blob ${full.blob}, which is missing`);
      await session.sandbox.write(full.path, bytes);
    }
  }
};

const repeatCalls = async (session: Session, after: number): Promise<void> => {
  for (const turn of session.transcript.turns.slice(after)) {
    for (const call of readCalls(turn, session.toolbox)) {
      const result = turn.results.get(call.use.id);
      if (call.kind !== "work" || !call.mutates || result === undefined || result.lost) continue;
      try {
        await call.call.run(session.context);
      } catch (error) {
        if (!(error instanceof ToolError)) throw error;
      }
    }
  }
};
