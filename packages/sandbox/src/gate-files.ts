import { posix } from "node:path";
import { addAbortSignal } from "node:stream";
import {
  type ExecResult,
  type GateEnd,
  type GateSpec,
  InfrastructureError,
} from "@headrace/domain";
import { collectTar } from "./collect.ts";
import type { Container } from "./container.ts";
import { bounded, EngineRefusal } from "./engine.ts";
import { makeTar } from "./tar.ts";

const COLLECT_MS = 120_000;

/** Makes the folder, root's and closed to the gate's user, and fills it. */
export const putBeside = async (
  container: Pick<Container, "put">,
  { path, tar }: NonNullable<GateSpec["beside"]>,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const parts = path.split("/").filter((part) => part !== "");
  const folders = parts.map((_, i) => ({
    path: parts.slice(0, i + 1).join("/"),
    uid: 0,
    mode: 0o755,
  }));
  await container.put(await makeTar(folders), "/", signal);
  await container.put(tar, path, signal);
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
