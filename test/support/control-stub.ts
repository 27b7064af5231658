import type { CallGrant, CallRequest, Candidate, Clock, Fence, Settlement } from "@headrace/domain";

export const FENCE: Fence = { run: "r1", step: "r1-t1-code-1", epoch: 1 };

export const SONNET: Candidate = {
  provider: "anthropic",
  model: "claude-sonnet-5",
  pool: "sonnet",
  window: 200_000,
  capabilities: ["tools", "cache", "effort"],
};
export const OPUS: Candidate = { ...SONNET, model: "claude-opus-4-8", pool: "opus", effort: "low" };

export const granted = (candidate: Candidate = SONNET, maxOutput = 1000): CallGrant => ({
  kind: "granted",
  call: "c",
  candidate,
  maxOutput,
});

/** Time that passes only by sleeping, all of it counted; ids are counted, too. */
export const createClock = (): Clock & { slept: number[] } => {
  let now = Date.parse("2026-11-21T12:00:00Z");
  let ids = 0;
  const slept: number[] = [];
  return {
    slept,
    now: () => new Date(now),
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      slept.push(ms);
      now += ms;
    },
    random: () => 1,
    id: () => {
      ids += 1;
      return `id${ids}`;
    },
  };
};

/** A control plane that decides as it was told, and writes down what it hears, in order; its calls are c1, c2, ... */
export const createControl = (
  decide: (call: CallRequest, nth: number) => CallGrant = () => granted(),
) => {
  const log: string[] = [];
  const reserved: CallRequest[] = [];
  const settled: Settlement[] = [];
  return {
    log,
    reserved,
    settled,
    reserve: async (_: Fence, call: CallRequest): Promise<CallGrant> => {
      reserved.push(call);
      const grant = decide(call, reserved.length);
      log.push(`reserve ${grant.kind}`);
      return grant.kind === "granted" ? { ...grant, call: `c${reserved.length}` } : grant;
    },
    began: async (_: Fence, call: string): Promise<void> => {
      log.push(`began ${call}`);
    },
    settle: async (_: Fence, call: string, settlement: Settlement): Promise<void> => {
      settled.push(settlement);
      const how = settlement.kind === "failed" ? settlement.failure.class : settlement.kind;
      log.push(`settle ${call} ${how}`);
    },
  };
};
export type Control = ReturnType<typeof createControl>;
