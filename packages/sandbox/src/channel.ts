import type { Duplex } from "node:stream";
import { InfrastructureError } from "@headrace/domain";
import { z } from "zod";
import { encodeFrame, frameDecoder } from "../../../sandboxes/supervisor/frames.mjs";
import { demux } from "./demux.ts";
import type { EgressSession } from "./egress/types.ts";
import { isNetFrame, Relay } from "./relay.ts";

const Ready = z.object({ ready: z.literal(true) });
const Answer = z.discriminatedUnion("ok", [
  z.looseObject({ id: z.int(), ok: z.literal(true) }),
  z.object({ id: z.int(), ok: z.literal(false), message: z.string().max(4000) }),
]);
type Answer = z.infer<typeof Answer>;

export type Request = {
  op: string;
  args: Readonly<Record<string, unknown>>;
  body?: Uint8Array;
  /** how many bytes the answer's body may have */
  maxBody: number;
  /** the supervisor's answer is due by then, or the sandbox is lost */
  timeoutMs: number;
  /** on abort the supervisor is told to stop, and answers soon */
  signal?: AbortSignal | undefined;
};

export type Reply = { facts: unknown; body: Buffer };

type Pending = {
  maxBody: number;
  resolve: (reply: Reply) => void;
  reject: (error: Error) => void;
};

const READY = 0;
const STDERR_CHARS = 2000;
/** The supervisor itself says a few lines at its end; whatever runs beside it can write there as well. */
const MAX_STDERR_BYTES = 16 * 1024 * 1024;
const CANCEL_MS = 10_000;
const LISTEN_MS = 60_000;
/** How many frames of connections may wait for a sandbox to read them; the windows of an honest one need far fewer. */
const MAX_UNREAD = 10_000;

/**
 * Speaks with a supervisor over the attached stream. What comes back is hostile: a frame nobody waits for, a body
 * above its limit or a shape that is not expected loses the sandbox, as does the end of the stream.
 */
export class Channel {
  readonly #stream: Duplex;
  readonly #explain: (detail: string) => Promise<Error>;
  readonly #pending = new Map<number, Pending>();
  #next = READY + 1;
  #stderr = "";
  #heard = 0;
  #lost: Promise<Error> | undefined;
  #relay: Relay | undefined;
  #unread = 0;
  /** resolves when the supervisor can be asked */
  readonly ready: Promise<unknown>;

  /** `explain` finds out why a sandbox was lost; it is called once. */
  constructor(stream: Duplex, explain: (detail: string) => Promise<Error>) {
    this.#stream = stream;
    this.#explain = explain;
    this.ready = this.#expect(READY, 0);
    this.ready.catch(() => {});
    const decode = frameDecoder({
      maxBody: (header) => this.#maxBody(header),
      onFrame: (header, body) => this.#receive(header, body),
    });
    demux(stream, (source, chunk) => {
      if (source === "stdout") decode(chunk);
      else this.#hear(chunk);
    });
    stream.on("error", (error) => this.lose(error.message));
    stream.on("close", () => this.lose("its stream ended"));
    stream.on("end", () => this.lose("its stream ended"));
  }

  /** Throws an Error with the supervisor's message where the operation failed, what `explain` found when lost. */
  async request(request: Request): Promise<Reply> {
    request.signal?.throwIfAborted();
    if (this.#lost !== undefined) throw await this.#lost;
    const id = this.#next++;
    let timer = this.#loseAfter(request.timeoutMs, request.op);
    const cancel = () => {
      this.#send({ id, op: "cancel" });
      clearTimeout(timer);
      timer = this.#loseAfter(CANCEL_MS, `cancelling ${request.op}`);
    };
    request.signal?.addEventListener("abort", cancel, { once: true });
    try {
      // what cannot be sent is not waited for
      this.#send({ ...request.args, id, op: request.op }, request.body);
      const answer = await this.#expect(id, request.maxBody);
      request.signal?.throwIfAborted();
      return answer;
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", cancel);
    }
  }

  /** Has the supervisor listen on `port` of its loopback interface, and the session serve what connects there. */
  async openNetwork(session: EgressSession, port: number): Promise<void> {
    this.#relay = new Relay(session, (header, body) => this.#sendNet(header, body));
    await this.request({ op: "network", args: { port }, maxBody: 0, timeoutMs: LISTEN_MS });
  }

  /** Why the sandbox was lost, once that is known; undefined while it is not. */
  get loss(): Promise<Error> | undefined {
    return this.#lost;
  }

  /** Gives the sandbox up: everything asked and to be asked fails with the explained reason. */
  lose(detail: string): void {
    if (this.#lost !== undefined) return;
    const said = this.#stderr.trim();
    this.#end(this.#explain(said === "" ? detail : `${detail}; it said: ${said}`));
  }

  close(): void {
    this.#end(Promise.resolve(new InfrastructureError("the sandbox was closed")));
  }

  #end(reason: Promise<Error>): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    this.#relay?.close();
    this.#stream.destroy();
    void reason.then((error) => {
      for (const { reject } of this.#pending.values()) reject(error);
      this.#pending.clear();
    });
  }

  #expect(id: number, maxBody: number): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { maxBody, resolve, reject });
    });
  }

  #hear(chunk: Buffer): void {
    this.#heard += chunk.length;
    this.#stderr = `${this.#stderr}${chunk.toString()}`.slice(-STDERR_CHARS);
    if (this.#heard > MAX_STDERR_BYTES) throw new Error("its supervisor's stderr is a flood");
  }

  #maxBody(header: unknown): number {
    if (isNetFrame(header)) return this.#relay?.maxBody ?? 0;
    return this.#pending.get(idOf(header))?.maxBody ?? 0;
  }

  #receive(header: unknown, body: Buffer): void {
    if (!isNetFrame(header)) this.#settle(parse(header), body);
    else if (this.#relay === undefined) throw new Error("a connection where there is no network");
    else this.#relay.receive(header, body);
  }

  #settle(answer: Answer, body: Buffer): void {
    const pending = this.#pending.get(answer.id);
    if (pending === undefined) throw new Error("an answer to no question");
    this.#pending.delete(answer.id);
    if (answer.ok) pending.resolve({ facts: answer, body });
    else pending.reject(new Error(answer.message));
  }

  #send(header: Record<string, unknown>, body?: Uint8Array, onRead?: () => void): void {
    const parts = encodeFrame(header, body);
    for (const part of parts) this.#stream.write(part, part === parts.at(-1) ? onRead : undefined);
  }

  /** A sandbox that sends and never reads would make answers to it pile up here. */
  #sendNet(header: Record<string, unknown>, body?: Uint8Array): void {
    if (this.#lost !== undefined) return;
    this.#unread += 1;
    if (this.#unread > MAX_UNREAD) this.lose("it does not read what its connections get");
    else
      this.#send(header, body, () => {
        this.#unread -= 1;
      });
  }

  #loseAfter(ms: number, what: string): NodeJS.Timeout {
    return setTimeout(() => {
      this.lose(`its supervisor did not answer within ${ms / 1000} s (${what})`);
    }, ms);
  }
}

const idOf = (header: unknown): number =>
  z.object({ id: z.int() }).safeParse(header).data?.id ?? READY;

const parse = (header: unknown): Answer =>
  Ready.safeParse(header).success ? { id: READY, ok: true } : Answer.parse(header);
