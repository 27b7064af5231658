import { setTimeout as sleep } from "node:timers/promises";
import { type Isolation, type SandboxLimits, type Service, UserError } from "@headrace/domain";
import type Docker from "dockerode";
import type { Container } from "./container.ts";
import type { Containers, Wanted } from "./containers.ts";
import { demux } from "./demux.ts";
import { EngineRefusal } from "./engine.ts";
import { presentImage } from "./images.ts";
import { lineReader } from "./line-reader.ts";
import { SHELL_LIMITS } from "./profile.ts";

/** How long a service may take from its start until it is ready. */
const READY_MS = 120_000;
/** One try of `ready`, which may hang on a server that accepts and never answers. */
const TRY_MS = 15_000;
const POLL_MS = 200;
/** How long one without `ready` has to live: what it lacks, an image's entrypoint says and ends. */
const SETTLED_MS = 2000;
const LAST_LINES = 15;
const LINE_CHARS = 300;

const SERVICE_PIDS = 1024;
const HOLD = ["/bin/sh", "-c", "while :; do sleep 3600; done"];

type GroupSpec = {
  services: readonly Service[];
  /** what the holder is made of: any image with a shell */
  image: string;
  /** of whom the services serve: all together have as many processors; their shares and disk of each are the same */
  limits: SandboxLimits;
  cpuShares: number;
  labels: Readonly<Record<string, string>>;
  isolation: Isolation | undefined;
};

/** Services that run, and the container whose network namespace they and whom they serve share. */
export type ServiceGroup = AsyncDisposable & {
  readonly holder: string;
  readonly services: readonly Container[];
};

/**
 * Starts services beside each other in a network namespace of their own, which has a loopback interface and no route,
 * and waits until all are ready. Throws `UserError` naming the service that cannot be had, ended, or is not ready in
 * time; nothing of the group is left then.
 */
export const startServices = async (
  { docker, containers }: { docker: Docker; containers: Containers },
  spec: GroupSpec,
  signal?: AbortSignal,
): Promise<ServiceGroup> => {
  if (spec.isolation?.runtime === "gvisor") {
    throw new UserError(
      "services cannot be used under gVisor: each container has a network stack of its own there",
      "remove `isolation.runtime: gvisor` or `sandbox.services`",
    );
  }
  await using stack = new AsyncDisposableStack();
  const { labels, isolation, limits, cpuShares } = spec;
  const create = async (
    wanted: Omit<Wanted, "labels" | "isolation">,
    until: AbortSignal | undefined,
  ): Promise<Container> =>
    stack.use(await containers.create({ ...wanted, labels, isolation }, until));
  const holding = { phase: "holder", command: HOLD, env: {}, limits: SHELL_LIMITS } as const;
  const holder = await create({ ...holding, image: spec.image }, signal);
  await holder.start(signal);
  const failed = new AbortController();
  const cut = signal === undefined ? failed.signal : AbortSignal.any([failed.signal, signal]);
  const services: Container[] = [];
  const cpus = limits.cpus / spec.services.length;
  const starts = spec.services.map(async (service) => {
    const { env, memoryMb } = service;
    const { id: image } = await presentImage(docker, service.image, unavailable(service), cut);
    const own = { ...limits, cpus, pids: SERVICE_PIDS, memoryMb };
    const serving = { phase: "service", command: undefined, joins: holder.id } as const;
    const container = await create({ ...serving, image, env, limits: own, cpuShares }, cut);
    await startService(container, service, cut);
    services.push(container);
  });
  // the first that fails tells; the others are waited for, so that none is created after the group is removed
  for (const start of starts) start.catch((error) => failed.abort(error));
  await Promise.allSettled(starts);
  cut.throwIfAborted();
  const kept = stack.move();
  return { holder: holder.id, services, [Symbol.asyncDispose]: () => kept.disposeAsync() };
};

const unavailable =
  ({ name, image }: Service) =>
  (why: string, options: ErrorOptions) =>
    new UserError(
      `the image ${image} of service ${name} is not on this engine and cannot be pulled: ${why}`,
      `build or load it there, or correct \`sandbox.services\`: docker pull ${image}`,
      options,
    );

const startService = async (
  container: Container,
  service: Service,
  signal: AbortSignal,
): Promise<void> => {
  const printed = lastLines();
  const stream = await container.attach();
  demux(stream, (_, chunk) => printed.push(chunk));
  stream.on("error", () => {});
  try {
    await container.start(signal);
    await becomeReady(container, service, { printed, signal });
  } catch (error) {
    // what the engine says of an image that names no program, or one that is not there
    if (error instanceof EngineRefusal && error.status === 400) throw unusable(service, error);
    throw error;
  } finally {
    // nobody reads what it prints from here on, and the engine keeps none of it
    stream.destroy();
  }
};

type Watch = { printed: LastLines; signal: AbortSignal };

const becomeReady = async (
  container: Container,
  service: Service,
  { printed, signal }: Watch,
): Promise<void> => {
  const late = AbortSignal.timeout(READY_MS);
  const settled = AbortSignal.timeout(SETTLED_MS);
  let asked = lastLines();
  const isReady = async (): Promise<boolean> => {
    if (service.ready === undefined) return settled.aborted;
    asked = lastLines();
    return (await ask(container, service.ready, { printed: asked, signal })) === 0;
  };
  for (;;) {
    const ready = await isReady();
    const { running, exitCode, oomKilled } = await container.inspect();
    if (!running) throw ended(service, { exitCode, oomKilled, printed });
    if (ready) return;
    if (late.aborted) throw neverReady(service, { printed, asked });
    await sleep(POLL_MS, undefined, { signal });
  }
};

/** The exit code of one try; null where it took too long, or the service ended under it. */
const ask = async (
  container: Container,
  ready: string,
  { printed, signal }: Watch,
): Promise<number | null> => {
  const slow = AbortSignal.timeout(TRY_MS);
  const command = ["/bin/sh", "-c", ready];
  try {
    return await container.exec(command, {
      env: {},
      as: "image",
      onOutput: printed.push,
      signal: AbortSignal.any([slow, signal]),
    });
  } catch (error) {
    signal.throwIfAborted();
    if (slow.aborted || (error instanceof EngineRefusal && error.status === 409)) return null;
    throw error;
  }
};

type LastLines = { push: (chunk: Buffer) => void; text: () => string };

/** The end of a hostile output as bounded lines that are safe to show. */
const lastLines = (): LastLines => {
  const lines: string[] = [];
  const reader = lineReader((line) => {
    lines.push(line.slice(0, LINE_CHARS));
    if (lines.length > LAST_LINES) lines.shift();
  });
  return {
    push: reader.push,
    text() {
      reader.end();
      return lines.map((line) => `\n    ${line}`).join("");
    },
  };
};

/** A command for a shell that starts the service alone; its variables are no secrets, by the rule of `env`. */
const tryOut = ({ image, env }: Service): string => {
  const variables = Object.entries(env).map(([key, value]) => `-e ${quoted(`${key}=${value}`)} `);
  return `docker run --rm --network none ${variables.join("")}${image}`;
};

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const ended = (
  service: Service,
  facts: { exitCode: number; oomKilled: boolean; printed: LastLines },
): UserError => {
  const { name, image, memoryMb } = service;
  const why = facts.oomKilled
    ? `ran out of memory (${memoryMb} MB)`
    : `exit code ${facts.exitCode}`;
  return new UserError(
    `service ${name}: ended as it started: ${why}\n  ${image} ${said(facts.printed)}`,
    facts.oomKilled
      ? `give it more: \`memoryMb\` of ${name} in \`sandbox.services\``
      : `correct its \`env\` or \`image\` in \`sandbox.services\`; to try it: ${tryOut(service)}`,
  );
};

const neverReady = (
  { name, image, ready }: Service,
  { printed, asked }: { printed: LastLines; asked: LastLines },
): UserError =>
  new UserError(
    `service ${name}: not ready in ${READY_MS / 1000} s\n  ${image} ${said(printed)}` +
      `\n  its \`ready\` command last said:${asked.text() || " nothing"}`,
    `\`${ready}\` has to exit 0 in its container once it can be used; correct it in \`sandbox.services\``,
  );

const unusable = ({ name, image }: Service, cause: Error): UserError =>
  new UserError(
    `service ${name} (${image}) cannot be started: ${cause.message}`,
    "its image has to name the server as its entrypoint or command: correct `image` in `sandbox.services`",
    { cause },
  );

const said = (printed: LastLines): string => {
  const text = printed.text();
  return text === "" ? "printed nothing" : `last printed:${text}`;
};
