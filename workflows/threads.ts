import { AsyncLocalStorage } from "node:async_hooks";
import type { ThreadKind, ThreadRef } from "@headrace/domain";
import { threadId } from "@headrace/domain";
import { EmptyInputError, isInterrupted } from "@langchain/langgraph";
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint";
import { buildTask } from "./build-task.ts";
import { integrateChange } from "./integrate-change.ts";
import { planSpec } from "./plan-spec.ts";
import type { WorkflowPorts } from "./ports.ts";
import { runFactory } from "./run-factory.ts";

/** Wakes threads. A thread parks where it waits for a row, and is finished when its graph has come to its end. */
export interface Threads {
  /** Never two at a time for one thread. A thread whose checkpoint is gone starts over and finds its rows. */
  wake(thread: ThreadRef): Promise<"parked" | "finished">;
  /** The graph of a thread kind as Mermaid text. */
  draw(kind: ThreadKind): Promise<string>;
}

/** Long runs loop in one thread for days; the bound only stops a graph that runs in circles by mistake. */
const RECURSION_LIMIT = 100_000;

export const createThreads = (ports: WorkflowPorts, checkpointer: BaseCheckpointSaver): Threads => {
  const graphs = {
    run: runFactory(ports, checkpointer),
    plan: planSpec(ports, checkpointer),
    task: buildTask(ports, checkpointer),
    landing: integrateChange(ports, checkpointer),
  };
  const wake = async (thread: ThreadRef): Promise<"parked" | "finished"> => {
    const graph = graphs[thread.kind];
    const config = {
      configurable: { thread_id: threadId(thread) },
      durability: "sync" as const,
      recursionLimit: RECURSION_LIMIT,
    };
    const before = await graph.getState(config);
    // lost, or torn: deleted under a graph at work, whose next checkpoint then holds only what changed after
    const lost = before.createdAt === undefined || before.values.run === undefined;
    if (lost) await checkpointer.deleteThread(threadId(thread));
    else if (before.next.length === 0) return "finished";
    try {
      // each graph has its own state type; only the thread's name is ever passed in
      const values = await (graph.invoke as (i: unknown, c: typeof config) => Promise<unknown>)(
        lost ? { ...thread } : null,
        config,
      );
      // asked of the graph, not of its checkpoint: that may be gone, which is not the same as having come to an end
      return isInterrupted(values) ? "parked" : "finished";
    } catch (cause) {
      // the checkpoint went between the two looks at it
      if (!lost && cause instanceof EmptyInputError) return wake(thread);
      throw cause;
    }
  };
  // a wake-up often comes out of another graph's node: run inside it, LangGraph would take it for a subgraph of that
  const outside = AsyncLocalStorage.snapshot();
  return {
    wake: (thread) => outside(() => wake(thread)),
    draw: async (kind) => (await graphs[kind].getGraphAsync()).drawMermaid(),
  };
};
