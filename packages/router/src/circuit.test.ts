import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { apart, holds, type Op, only, pass, pick } from "./model-fixture.ts";
import { reply, World } from "./router-fixture.ts";

describe("a circuit", () => {
  type Model = {
    n: number;
    /** calls under way, and since when; `probe` is the one that was let through while it was not closed */
    calls: Map<string, number>;
    results: { at: number; ok: boolean }[];
    hangs: number;
    open?: { until: number; forMs: number; mostMs: number };
    probe?: { id: string; at: number };
  };

  const PROBE_MS = 25 * 60_000;

  const ask: fc.Arbitrary<Op<Model>> = fc.constant({
    name: "ask",
    run: (model, world) => {
      const id = `call-${model.n++}`;
      const selection = world.send(id, only, apart(id));
      const why = selection.kind === "count" ? undefined : selection.decision.considered[0]?.why;
      const probed = model.probe !== undefined && world.at < model.probe.at + PROBE_MS;
      const shut = model.open !== undefined && (world.at < model.open.until || probed);
      // never while it is open, but for one probe; and a closed one stops nobody
      if (shut) expect(why).toBe("circuit-open");
      else expect(["chosen", "busy"]).toContain(why);
      if (selection.kind !== "chosen") return;
      model.calls.set(id, world.at);
      if (model.open !== undefined) model.probe = { id, at: world.at };
    },
  });

  const opened = (model: Model, world: World, forMs: number, mostMs: number): void => {
    model.open = { until: world.at + forMs, forMs, mostMs };
    delete model.probe;
  };

  const finish = (
    model: Model,
    world: World,
    { id, ok, sent }: { id: string; ok: boolean; sent: number },
  ): void => {
    if (model.open === undefined) {
      model.results = [...model.results, { at: world.at, ok }]
        .filter(({ at }) => world.at - at < 120_000)
        .slice(-10);
      if (ok) model.hangs = 0;
      else if (world.at - sent >= 60_000) model.hangs++;
      const failed = model.results.filter((result) => !result.ok).length;
      if (model.hangs >= 2) opened(model, world, 300_000, 3_600_000);
      else if (failed >= 5) opened(model, world, 5_000, 300_000);
    } else if (model.probe?.id === id && !ok) {
      const { forMs, mostMs } = model.open;
      opened(model, world, Math.min(mostMs, forMs * 2), mostMs);
    } else if (model.probe?.id === id) {
      // closed again only by the success of its probe
      delete model.open;
      delete model.probe;
      model.results = [];
      model.hangs = 0;
    }
  };

  const end = fc
    .record({ n: fc.nat(20), how: fc.constantFrom("ok", "server", "network", "refusal", "lost") })
    .map(
      ({ n, how }): Op<Model> => ({
        name: `end ${n} ${how}`,
        run: (model, world) => {
          const id = pick(model.calls.keys(), n);
          const sent = id === undefined ? undefined : model.calls.get(id);
          if (id === undefined || sent === undefined) return;
          model.calls.delete(id);
          if (how === "ok") world.end(id, reply());
          else if (how === "lost") world.end(id, { kind: "lost" });
          else world.fail(id, how as "server" | "network" | "refusal");
          if (how === "ok") finish(model, world, { id, ok: true, sent });
          else if (how === "server" || how === "network")
            finish(model, world, { id, ok: false, sent });
          else if (model.probe?.id === id) delete model.probe;
        },
      }),
    );

  test("lets nothing through while it is open but one probe, and closes only by its success", () => {
    holds(
      () => ({ n: 0, calls: new Map<string, number>(), results: [], hangs: 0 }),
      fc.oneof(ask, ask, end, end, pass<Model>(20_000)),
    );
  });

  test.each([1, 4])(
    "opens on a provider that accepts and says nothing, so that an hour of %i workers costs few calls",
    (workers) => {
      const world = new World();
      const end = world.at + 3_600_000;
      const underWay = new Map<string, number>();
      let n = 0;
      for (; world.at < end; world.pass(1_000)) {
        for (const [id, sent] of underWay) {
          if (world.at < sent + 120_000) continue;
          underWay.delete(id);
          world.fail(id, "network");
        }
        while (underWay.size < workers) {
          const id = `call-${n}`;
          if (world.send(id, only, apart(id)).kind !== "chosen") break;
          underWay.set(id, world.at);
          n++;
        }
      }
      expect(n).toBeLessThanOrEqual(5 + workers);
    },
  );

  test("stays closed where calls that take long fail now and then", () => {
    const world = new World();
    for (let n = 0; n < 20; n++) {
      world.sure(`cut-${n}`, only, apart(`cut-${n}`));
      world.sure(`whole-${n}`, only, apart(`whole-${n}`));
      world.pass(90_000);
      world.fail(`cut-${n}`, "network");
      world.end(`whole-${n}`, reply());
    }
  });

  test("frees the place of a probe whose worker never comes back", () => {
    const world = new World();
    for (const id of ["1", "2", "3", "4", "5"]) {
      world.sure(id, only, apart(id));
      world.fail(id, "server");
    }
    world.pass(5_000);
    world.sure("probe", only, apart("probe"));
    world.pass(PROBE_MS - 1);
    expect(world.ask(only, apart("next")).kind).not.toBe("chosen");
    world.pass(1);
    world.sure("next", only, apart("next"));
    expect(world.ask(only, apart("third")).kind).not.toBe("chosen");
  });
});
