import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { ApiError } from "./api-error.ts";
import {
  defaultStopReason,
  digest,
  type Player,
  type Question,
  type Reply,
  toolUseId,
} from "./reply.ts";

const POLL_MS = 100;
const RELAY_WAIT_MS = 60 * 60_000;

/** What a reply file holds. */
const RelayedReply = z.strictObject({
  content: z
    .array(
      z.discriminatedUnion("type", [
        z.strictObject({ type: z.literal("text"), text: z.string().min(1) }),
        z.strictObject({
          type: z.literal("tool_use"),
          id: z.string().min(1).optional(),
          name: z.string().min(1),
          input: z.record(z.string(), z.unknown()),
        }),
      ]),
    )
    .min(1),
  stop_reason: z.string().optional(),
});

const README = `Play the model
==============

Each request of the factory is a file in requests/. Answer it with a file of the same name in replies/:

  {"content": [
    {"type": "text", "text": "I will read the file first."},
    {"type": "tool_use", "name": "read", "input": {"path": "README.md"}}
  ]}

A request holds what a model is sent: "system", "tools" (what may be called) and "messages" (the conversation
so far, with the results of your earlier calls). End a job with its terminal tool, for example submit_change.
The name says who asks: hr1.<run>.<task>.<role>.<attempt>.<conversation>-t<turn>-<hash>.json

A reply that cannot be used is explained in <its name>.error; correct the file and it is read again. A request
that is asked again, after a restart for example, keeps its name and gets the same reply.
`;

/** The same question gets the same name, in this process or another. */
const fileName = ({ user, turn, request }: Question): string => {
  const { stream: _, ...asked } = request;
  return `${user}-t${turn}-${digest(asked).slice(0, 8)}.json`;
};

const writeAtomically = async (path: string, text: string): Promise<void> => {
  const temporary = `${path}.tmp-${process.pid}`;
  await writeFile(temporary, text);
  await rename(temporary, path);
};

const readIfThere = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

const parseReply = (text: string, question: Question): Reply | { problem: string } => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { problem: `not JSON: ${(error as Error).message}` };
  }
  const parsed = RelayedReply.safeParse(json);
  if (!parsed.success) return { problem: z.prettifyError(parsed.error) };
  const content = parsed.data.content.map((block, i) =>
    block.type === "text" ? block : { ...block, id: block.id ?? toolUseId(question, i) },
  );
  const stopReason = parsed.data.stop_reason ?? defaultStopReason(content);
  return { content, stopReason };
};

/** Waits for a usable reply file; says what is wrong with an unusable one beside it, once for each content. */
const awaitReply = async (
  path: string,
  question: Question,
  signal: AbortSignal,
): Promise<Reply> => {
  let reported: string | undefined;
  for (;;) {
    const text = await readIfThere(path);
    if (text !== undefined && text !== reported) {
      const reply = parseReply(text, question);
      if (!("problem" in reply)) {
        await rm(`${path}.error`, { force: true });
        return reply;
      }
      await writeAtomically(`${path}.error`, `${reply.problem}\n`);
      reported = text;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
};

/**
 * Hands every question out as a file in `dir/requests` and waits, at most `waitMs`, for its reply file in
 * `dir/replies`, so that a person or any other model can play.
 */
export const createRelayPlayer = async (dir: string, waitMs = RELAY_WAIT_MS): Promise<Player> => {
  const requests = join(dir, "requests");
  const replies = join(dir, "replies");
  await mkdir(requests, { recursive: true });
  await mkdir(replies, { recursive: true });
  await writeFile(join(dir, "README.txt"), README);
  return {
    play: async (question, signal) => {
      const name = fileName(question);
      const file = join(requests, name);
      if ((await readIfThere(file)) === undefined)
        await writeAtomically(file, `${JSON.stringify(question.request, null, 2)}\n`);
      const bound = AbortSignal.timeout(waitMs);
      try {
        return await awaitReply(join(replies, name), question, AbortSignal.any([signal, bound]));
      } catch (error) {
        if (!bound.aborted) throw error;
        throw new ApiError(504, `no usable reply file ${join(replies, name)} within ${waitMs} ms`);
      }
    },
  };
};
