import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { Socket } from "node:net";
import { InfrastructureError, ObjectId } from "@headrace/domain";
import { type Git, GitError, killGroup } from "./git.ts";

type ObjectInfo = { type: string; size: number };

/**
 * Objects by their ids, asked of one `git cat-file` that goes on running: a question costs a round trip over a pipe,
 * not a process. It sees objects that others add meanwhile.
 */
export type ObjectReader = Disposable & {
  /** Starts the process ahead of the first question. */
  start(): void;
  /** In the order asked for; undefined where there is no such object. */
  info(ids: readonly string[]): Promise<Array<ObjectInfo | undefined>>;
  /**
   * In the order asked for. Throws `GitError` where one is missing or of another type, `InfrastructureError` where
   * they are more than `maxBytes` together.
   */
  contents(ids: readonly string[], type: string, maxBytes: number): Promise<Buffer[]>;
};

const ARGS = ["cat-file", "--batch-command", "--buffer"];
const TIMEOUT_MS = 120_000;
const MAX_STDERR = 64 * 1024;

type Answer = { info: ObjectInfo; bytes: Buffer } | undefined;
type Question = {
  withBytes: boolean;
  wanted: number;
  answers: Answer[];
  resolve(answers: Answer[]): void;
  reject(error: Error): void;
};

export const openObjects = (git: Git): ObjectReader => {
  let process: ReturnType<typeof startProcess> | undefined;
  const running = () => {
    if (process !== undefined) return process;
    const started = startProcess(git, () => {
      if (process === started) process = undefined;
    });
    process = started;
    return started;
  };
  const ask = async (command: "info" | "contents", ids: readonly string[]): Promise<Answer[]> => {
    if (ids.length === 0) return [];
    for (const id of ids) ObjectId.parse(id);
    return running().ask(command, ids);
  };
  const info = async (ids: readonly string[]) =>
    (await ask("info", ids)).map((answer) => answer?.info);
  return {
    start: () => void running(),
    info,
    async contents(ids, type, maxBytes) {
      const found = await info(ids);
      const wrong = found.findIndex((one) => one?.type !== type);
      if (wrong !== -1)
        throw new GitError(ARGS, null, `${ids[wrong]} is ${found[wrong]?.type ?? "missing"}`);
      if (found.reduce((sum, one) => sum + (one?.size ?? 0), 0) > maxBytes)
        throw new InfrastructureError(`git cat-file passed its limit of ${maxBytes} bytes`);
      return (await ask("contents", ids)).map((answer, index) => {
        // somebody's `git gc` may come between the two questions
        if (answer === undefined) throw new GitError(ARGS, null, `${ids[index]} is missing`);
        return answer.bytes;
      });
    },
    [Symbol.dispose]: () => process?.end(),
  };
};

const startProcess = (git: Git, onEnded: () => void) => {
  const child = git.start(ARGS);
  neverKeepsUsAlive(child);
  const questions: Question[] = [];
  let stderr = "";
  const end = (error: Error) => {
    onEnded();
    for (const question of questions.splice(0)) question.reject(error);
  };
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr = (stderr + chunk).slice(-MAX_STDERR);
  });
  // why it takes nothing more is told when it ends
  child.stdin.on("error", () => {});
  child.on("error", (cause) =>
    end(new InfrastructureError(`git could not be started: ${cause.message}`, { cause })),
  );
  child.on("close", (code) => end(new GitError(ARGS, code, stderr)));
  child.stdout.on("data", reader(questions));
  return {
    ask(command: "info" | "contents", ids: readonly string[]): Promise<Answer[]> {
      const { promise, resolve, reject } = Promise.withResolvers<Answer[]>();
      const common = { withBytes: command === "contents", wanted: ids.length, answers: [] };
      questions.push({ ...common, resolve, reject });
      const late = () => {
        killGroup(child.pid);
        end(new InfrastructureError(`git cat-file passed its limit of ${TIMEOUT_MS} ms`));
      };
      const timer = setTimeout(late, TIMEOUT_MS);
      child.stdin.write(`${ids.map((id) => `${command} ${id}\n`).join("")}flush\n`);
      return promise.finally(() => clearTimeout(timer));
    },
    end: () => void child.stdin.end(),
  };
};

/** A question's own timer keeps this process waiting for its answer; between questions nothing does. */
const neverKeepsUsAlive = (child: ChildProcessWithoutNullStreams): void => {
  child.unref();
  for (const stream of child.stdio) if (stream instanceof Socket) stream.unref();
};

/** Takes what git prints, `<id> <type> <size>` and the object if its bytes were asked for, or `<id> missing`. */
const reader = (questions: Question[]) => {
  let chunks: Buffer[] = [];
  let size = 0;
  let needed = 1;
  return (chunk: Buffer): void => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < needed) return;
    const data = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    let at = 0;
    for (;;) {
      const [question] = questions;
      const eol = data.indexOf(0x0a, at);
      needed = eol === -1 ? data.length - at + 1 : 0;
      if (question === undefined || eol === -1) break;
      const [, type = "", length = "0"] = data.toString("latin1", at, eol).split(" ");
      const from = eol + 1;
      const bytes = question.withBytes && type !== "missing" ? Number(length) : undefined;
      const next = bytes === undefined ? from : from + bytes + 1;
      needed = next - at;
      if (data.length < next) break;
      const info = { type, size: Number(length) };
      question.answers.push(
        type === "missing" ? undefined : { info, bytes: data.subarray(from, from + (bytes ?? 0)) },
      );
      if (question.answers.length === question.wanted) questions.shift()?.resolve(question.answers);
      at = next;
    }
    size = data.length - at;
    chunks = size === 0 ? [] : [data.subarray(at)];
  };
};
