export { baselineFor } from "./gates-for.ts";
export type { StepRequest, WorkflowLimits, WorkflowPorts } from "./ports.ts";
export { createThreads, type Threads } from "./threads.ts";
