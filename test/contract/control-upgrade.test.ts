import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { createClock, openStore, verifyChain } from "@headrace/store";
import { expect, test } from "vitest";
import { controlRig } from "../support/control-rig.ts";
import { tempDir } from "../support/git.ts";

const VERSION_1 = fileURLToPath(new URL("../fixtures/store-1.sql", import.meta.url));

/** The control plane of a process that comes up on a file of the first version, and stops again. */
const startedOn = async (file: string) => {
  await using store = await openStore({ file, clock: createClock() });
  await using rig = await controlRig({ store: () => store });
  await rig.control.start();
  await rig.control.stop();
  const events = await store.events("old-over");
  expect(verifyChain(events)).toBeUndefined();
  expect(await store.integrity()).toEqual([]);
  return {
    events,
    totals: await store.totals("old-over"),
    classed: await store.classed("old-over"),
  };
};

test("what a run of an older version had spent when it ended is classed at the first start, once", async () => {
  await using dir = await tempDir("headrace-upgrade-");
  const file = join(dir.path, "headrace.db");
  const db = new DatabaseSync(file);
  db.exec(await readFile(VERSION_1, "utf8"));
  db.close();
  const cost = 899_999_999_000;
  const first = await startedOn(file);
  expect(first.totals).toMatchObject({ settled: cost, inFlight: 0 });
  // the file's only call is of a step of the run's own
  const parts = [{ as: "overhead", kind: "verification", amount: cost }];
  expect(first.classed).toEqual([{ call: "d1", parts }]);
  // its repository is gone, so that a note tells of branches that were not exported
  const told = first.events.slice(5).filter(({ type }) => type !== "note.added");
  expect(told.map(({ type }) => type)).toEqual(["run.upgraded", "spend.classed", "log.signed"]);
  const second = await startedOn(file);
  expect(second).toMatchObject({ totals: first.totals, classed: first.classed });
  expect(second.events.filter(({ type }) => type === "spend.classed")).toHaveLength(1);
});
