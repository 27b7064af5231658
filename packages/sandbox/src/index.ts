export {
  type BubblewrapSandboxesOptions,
  createBubblewrapSandboxes,
} from "./bubblewrap/bubblewrap-sandboxes.ts";
export { type BubblewrapProbe, probeBubblewrap } from "./bubblewrap/probe.ts";
export { createDockerSandboxes, type DockerSandboxesOptions } from "./docker-sandboxes.ts";
export { createEgress, type EgressOptions } from "./egress/egress.ts";
export { packagesProblem } from "./egress/python-projects.ts";
export type { Egress, PrivateRegistry } from "./egress/types.ts";
export type { EngineAddress } from "./engine.ts";
export { runService, type ServiceSpec } from "./service.ts";
