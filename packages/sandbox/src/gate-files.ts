import { posix } from "node:path";
import { addAbortSignal } from "node:stream";
import { buffer } from "node:stream/consumers";
import {
  type ExecResult,
  type GateEnd,
  type GateSpec,
  InfrastructureError,
} from "@headrace/domain";
import { extract, pack } from "tar-stream";
import { collectTar } from "./collect.ts";
import type { Container } from "./container.ts";
import { bounded, EngineRefusal } from "./engine.ts";

const COLLECT_MS = 120_000;

/** Makes the folder, root's and closed to the gate's user, and fills it: in one call, for each costs as much. */
export const putBeside = async (
  container: Pick<Container, "put">,
  beside: NonNullable<GateSpec["beside"]>,
  signal: AbortSignal | undefined,
): Promise<void> => container.put(await fromRoot(beside), "/", signal);

const fromRoot = async ({ path, tar }: NonNullable<GateSpec["beside"]>): Promise<Buffer> => {
  const whole = pack();
  const parts = path.split("/").filter((part) => part !== "");
  for (const at of parts.keys()) {
    const name = parts.slice(0, at + 1).join("/");
    whole.entry({ name, type: "directory", mode: 0o755, uid: 0, gid: 0, mtime: new Date(0) });
  }
  const parser = extract();
  parser.end(tar);
  for await (const entry of parser) {
    const header = { ...entry.header, name: `${parts.join("/")}/${entry.header.name}` };
    whole.entry(header, await buffer(entry));
  }
  whole.finalize();
  return buffer(whole);
};

/** Whether there is anything to collect: of a gate that was ended, nothing is wanted. */
export const isCollected = (
  spec: GateSpec,
  end: ExecResult,
): spec is GateSpec & { collect: NonNullable<GateSpec["collect"]> } =>
  spec.collect !== undefined && !end.timedOut && end.exceeded === undefined;

/** The end of a gate with what it left in the folder that is collected. */
export const withCollected = async (
  container: Pick<Container, "get">,
  spec: GateSpec,
  end: ExecResult,
  signal: AbortSignal | undefined,
): Promise<GateEnd> => {
  if (!isCollected(spec, end)) return end;
  const { path, ...limits } = spec.collect;
  const bound = { to: "read a gate's reports", ms: COLLECT_MS, signal };
  try {
    const collected = await bounded(bound, async (abortSignal) => {
      const tar = addAbortSignal(abortSignal, await container.get(path, abortSignal));
      return collectTar(tar, posix.basename(path), limits);
    });
    return { ...end, collected };
  } catch (error) {
    if (error instanceof EngineRefusal && error.status === 404) return end;
    if (error instanceof InfrastructureError || signal?.aborted) throw error;
    throw new InfrastructureError("a gate's reports could not be read", { cause: error });
  }
};
