import {
  type Candidate,
  candidateKey,
  type FailureClass,
  type FailureFacts,
  NO_USAGE,
  type RateFacts,
  type Route,
  type TokenUsage,
} from "@headrace/domain";
import type { Asking } from "./asking.ts";
import { type Health, NO_HEALTH } from "./health.ts";
import { type Selection, select } from "./select.ts";
import { answered, began, type CallEnd, released, sent } from "./transitions.ts";

export const START = Date.parse("2026-11-21T12:00:00.000Z");
const CONFIG = "settings-1";

export const candidate = (key: string, own: Partial<Candidate> = {}): Candidate => {
  const [provider = "", model = ""] = key.split("/");
  return {
    provider,
    model,
    pool: "default",
    window: 200_000,
    capabilities: ["tools", "cache"],
    ...own,
  };
};

export const route = (
  candidates: readonly (Candidate | string)[],
  own: Partial<Route> = {},
): Route => ({
  candidates: candidates.map((one) => (typeof one === "string" ? candidate(one) : one)),
  needs: [],
  order: "listed",
  ...own,
});

/** Pico-dollars per million tokens are dollars here: 3 a token in, 15 out, times what the model's name says (`x2`). */
const price = ({ model }: Candidate, usage: TokenUsage): number | undefined => {
  if (model.startsWith("free")) return undefined;
  const times = Number(/x(\d+)$/.exec(model)?.[1] ?? 1);
  const input = 300 * usage.input + 375 * usage.cacheWrite5m + 30 * usage.cacheRead;
  return times * (input + 1500 * usage.output);
};

const failure = (
  name: FailureClass,
  own: Partial<Omit<FailureFacts, "class">> = {},
): FailureFacts => ({ class: name, reason: `a ${name} failure`, ...own });

export const reply = (usage: Partial<TokenUsage> = {}, rate: RateFacts = {}): CallEnd => ({
  kind: "reply",
  usage: { ...NO_USAGE, input: 100, output: 100, ...usage },
  rate,
});

type Own = Partial<Omit<Asking, "request">> & { request?: Partial<Asking["request"]> };

/** A control plane on a virtual clock: one place that selects, sends and is told, as many askings as a test likes. */
export class World {
  at = START;
  health: Health = NO_HEALTH;
  config = CONFIG;
  readonly #tries = new Map<string, Asking["tries"][number][]>();
  readonly #begun = new Map<string, Date>();
  readonly #calls = new Map<string, { ask: string; candidate: Candidate }>();

  get now(): Date {
    return new Date(this.at);
  }

  pass(ms: number): void {
    this.at += ms;
  }

  asking(use: Route, own: Own = {}): Asking {
    const ask = own.request?.ask ?? "ask-1";
    if (!this.#begun.has(ask)) this.#begun.set(ask, this.now);
    return {
      route: use,
      health: this.health,
      config: this.config,
      tries: this.#tries.get(ask) ?? [],
      proven: [],
      begun: this.#begun.get(ask) ?? this.now,
      counts: {},
      overBudget: {},
      unpriced: "refused",
      price,
      ...own,
      request: {
        role: "coder",
        ask,
        inputBound: 3_000,
        maxOutput: 8_000,
        prefix: `prefix-of-${ask}`,
        ...own.request,
      },
    };
  }

  ask(use: Route, own: Own = {}): Selection {
    return select(this.asking(use, own), this.now);
  }

  /** Asks, and sends where one is chosen; the call's id is then `id`. */
  send(id: string, use: Route, own: Own = {}): Selection {
    const asking = this.asking(use, own);
    const selection = select(asking, this.now);
    if (selection.kind !== "chosen") return selection;
    const { candidate: chosen, estimate } = selection;
    const out = { call: id, candidate: chosen, prefix: asking.request.prefix, estimate };
    this.health = sent(this.health, out, this.now);
    this.#calls.set(id, { ask: asking.request.ask, candidate: chosen });
    return selection;
  }

  /** Sends, and throws where nothing is chosen. */
  sure(id: string, use: Route, own: Own = {}): string {
    const selection = this.send(id, use, own);
    if (selection.kind !== "chosen") throw new Error(JSON.stringify(selection));
    return candidateKey(selection.candidate);
  }

  begin(id: string): void {
    this.health = began(this.health, id, this.now);
  }

  end(id: string, end: CallEnd): void {
    const call = this.#calls.get(id);
    if (call === undefined) throw new Error(`${id} was never sent`);
    const { ask, candidate: of } = call;
    this.health = answered(this.health, { id, candidate: of }, end, this.config, this.now);
    if (end.kind === "lost") return;
    const outcome = end.kind === "reply" ? "ok" : end.failure.class;
    const tried = { provider: of.provider, model: of.model, outcome, at: this.now.toISOString() };
    this.#tries.set(ask, [...(this.#tries.get(ask) ?? []), tried]);
  }

  fail(id: string, name: FailureClass, own: Partial<Omit<FailureFacts, "class">> = {}): void {
    this.end(id, { kind: "failed", failure: failure(name, own) });
  }

  release(id: string): void {
    this.health = released(this.health, id);
  }

  /** RFC 3339 of `ms` from now. */
  in(ms: number): string {
    return new Date(this.at + ms).toISOString();
  }
}

/** `wait 1000`, `deferred 12:00:30`, `chosen a/x`: what a selection says, in short. */
export const short = (selection: Selection): string => {
  switch (selection.kind) {
    case "chosen":
    case "count":
      return `${selection.kind} ${candidateKey(selection.candidate)}`;
    case "wait":
      return `wait ${selection.ms}`;
    case "deferred":
      return `deferred ${selection.until.slice(11, 19)}`;
    case "refused":
      return `refused ${selection.why}`;
    default:
      return selection.kind;
  }
};
