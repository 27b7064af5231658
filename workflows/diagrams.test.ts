import type { ThreadKind } from "@headrace/domain";
import { MemorySaver } from "@langchain/langgraph-checkpoint";
import { expect, test } from "vitest";
import { createThreads, type WorkflowPorts } from "./index.ts";

/** To draw a graph asks nothing of the world. */
const NO_PORTS = {} as WorkflowPorts;

test.each<[ThreadKind, string]>([
  ["run", "run-factory"],
  ["plan", "plan-spec"],
  ["task", "build-task"],
  ["landing", "integrate-change"],
])("the graph of a %s is the checked-in %s diagram", async (kind, name) => {
  const threads = createThreads(NO_PORTS, new MemorySaver());
  await expect(await threads.draw(kind)).toMatchFileSnapshot(`__snapshots__/${name}.mmd`);
});
