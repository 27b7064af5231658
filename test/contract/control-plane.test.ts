import { fromUsd } from "@headrace/domain";
import { expect, test } from "vitest";
import { controlRig } from "../support/control-rig.ts";
import { factoryControlSuite } from "./suites/factory-control-suite.ts";

factoryControlSuite("the control plane", async () => {
  const rig = await controlRig({ limits: { task: fromUsd(1), tokens: 1_000 } });
  return {
    control: rig.control.commands,
    submission: () => rig.submission(),
    async append(run, ...events) {
      await rig.store.append(run, events);
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
});

test("of two submissions at once on one repository, one is queued behind the other", async () => {
  await using rig = await controlRig();
  const { submission, pack } = await rig.submission();
  const { commands } = rig.control;
  const [first, second] = await Promise.all([
    commands.submit(submission, pack),
    commands.submit(submission, pack),
  ]);
  expect([first?.behind, second?.behind]).toEqual([undefined, first?.run]);
});

test("a run that is admitted with a reservation says so in its log", async () => {
  await using rig = await controlRig({ notes: ["backup does not answer"] });
  const { submission, pack } = await rig.submission();
  const { run } = await rig.control.commands.submit(submission, pack);
  const told = (await rig.store.events(run)).filter((event) => event.type === "note.added");
  expect(told).toMatchObject([{ level: "warning", text: "backup does not answer" }]);
});
