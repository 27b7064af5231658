import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import {
  type EnvironmentSpec,
  type ImageBuild,
  InfrastructureError,
  type Isolation,
  LABELS,
  PRODUCT,
  type SandboxWatch,
  SetupFailedError,
  UserError,
} from "@headrace/domain";
import type Docker from "dockerode";
import { z } from "zod";
import type { Room } from "./admission.ts";
import { bounded, EngineRefusal } from "./engine.ts";
import { findUsed } from "./images.ts";
import { SetupLog } from "./setup-log.ts";
import { makeTar } from "./tar.ts";

const REPOSITORY = `${PRODUCT}-dockerfile`;
const MAX_LINE_CHARS = 1_000_000;
const MIB = 1024 * 1024;
const CPU_PERIOD_US = 100_000;
/** What the engine may take to notice that nobody waits any more. */
const CANCEL_MS = 10_000;

const WHAT_IT_SEES =
  "(the build has the Dockerfile and the manifests and lockfiles of the run's base, and no BuildKit: " +
  "what needs more can be built by hand and named as `sandbox.image`)";

type BuildOptions = Pick<EnvironmentSpec, "limits" | "timeoutMs"> & {
  isolation: Isolation | undefined;
  watch: SandboxWatch;
  /** waits until the engine has room for a build */
  enter(): Promise<Room>;
  signal: AbortSignal | undefined;
};

export type BuiltImage = { reference: string; cached: boolean; log: string };

/** What an image is built from; equal keys are the same image. */
export const buildKey = ({ dockerfile, files }: ImageBuild): string => {
  const hash = createHash("sha256").update(dockerfile);
  for (const { path, bytes, executable } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1)))
    hash.update(`\0${path}\0${executable}\0${bytes.length}\0`).update(bytes);
  return hash.digest("hex").slice(0, 40);
};

/**
 * Builds the image of a Dockerfile, once for its content, with the network and the walls that the engine gives its
 * builds: nothing of this process's environment, no argument, secret or credential goes in. Throws `SetupFailedError`.
 */
export const buildImage = async (
  docker: Docker,
  build: ImageBuild,
  options: BuildOptions,
): Promise<BuiltImage> => {
  if (options.isolation?.runtime === "gvisor")
    throw new UserError(
      `policy asks for gVisor, and ${build.dockerfile} would be built without it`,
      "build the image by hand and name it as `sandbox.image`, or remove `isolation.runtime: gvisor`",
    );
  const tag = buildKey(build);
  const reference = `${REPOSITORY}:${tag}`;
  if (await findUsed(docker, { repo: REPOSITORY, tag }))
    return { reference, cached: true, log: "" };
  using _room = await options.enter();
  const { limits, timeoutMs, signal } = options;
  const context = await makeTar(
    build.files.map(({ path, bytes, executable }) => ({
      ...{ path, bytes, uid: 0 },
      mode: executable ? 0o755 : 0o644,
    })),
  );
  const told = new Told(build.dockerfile, options.watch);
  const late = AbortSignal.timeout(timeoutMs);
  const bound = {
    to: "build an image",
    ms: timeoutMs + CANCEL_MS,
    signal: signal === undefined ? late : AbortSignal.any([late, signal]),
  };
  try {
    await bounded(bound, async (abortSignal) => {
      const stream = await docker.buildImage(Readable.from([context]), {
        t: reference,
        dockerfile: build.dockerfile,
        labels: { [LABELS.environment]: tag },
        forcerm: true,
        memory: limits.memoryMb * MIB,
        memswap: limits.memoryMb * MIB,
        cpuperiod: CPU_PERIOD_US,
        cpuquota: Math.round(limits.cpus * CPU_PERIOD_US),
        abortSignal,
      });
      for await (const chunk of stream) told.push(chunk as Buffer);
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (late.aborted)
      throw told.failure(`it was stopped: it took more than ${Math.round(timeoutMs / 1000)} s`);
    // what cannot be read as a Dockerfile
    if (error instanceof EngineRefusal && error.status === 400) throw told.failure(error.message);
    throw error;
  }
  if (told.failed !== undefined) throw told.failure(told.failed.why, told.failed.exitCode);
  return { reference, cached: false, log: told.end() };
};

const Progress = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  id: z.string().optional(),
  progress: z.string().optional(),
  error: z.string().optional(),
  errorDetail: z.object({ code: z.int().optional() }).optional(),
});

/** What the engine tells of a build: lines of JSON, whose texts are the Dockerfile's own doing. */
class Told {
  readonly #command: string;
  readonly #log: SetupLog;
  readonly #decoder = new StringDecoder("utf8");
  #open = "";
  failed: { why: string; exitCode: number | null } | undefined;

  constructor(dockerfile: string, watch: SandboxWatch) {
    this.#command = `docker build --file ${dockerfile} .`;
    this.#log = new SetupLog(watch);
    this.#log.say(`$ ${this.#command}\n`);
  }

  push(chunk: Buffer): void {
    const lines = `${this.#open}${this.#decoder.write(chunk)}`.split("\n");
    this.#open = lines.pop() ?? "";
    if (this.#open.length > MAX_LINE_CHARS)
      throw new InfrastructureError("the container engine told of a build in a line without end");
    for (const line of lines) if (line.trim() !== "") this.#take(line);
  }

  end(): string {
    return this.#log.end();
  }

  failure(why: string, exitCode: number | null = null): Error {
    if (/no space left on device/.test(why))
      return new InfrastructureError(`an image could not be built: ${why}`);
    this.#log.say(`${why}\n${WHAT_IT_SEES}\n`);
    return new SetupFailedError(this.#command, exitCode, this.end());
  }

  #take(line: string): void {
    const { stream, status, id, progress, error, errorDetail } = Progress.parse(JSON.parse(line));
    if (stream !== undefined) this.#log.say(stream);
    // a pull repeats itself with every block it got
    if (status !== undefined && progress === undefined)
      this.#log.say(`${[id, status].filter(Boolean).join(": ")}\n`);
    if (error !== undefined) this.failed = { why: error, exitCode: errorDetail?.code ?? null };
  }
}
