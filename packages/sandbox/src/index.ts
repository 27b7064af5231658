export { createDockerSandboxes, type DockerSandboxesOptions } from "./docker-sandboxes.ts";
export type { EngineAddress } from "./engine.ts";
export { runService, type ServiceSpec } from "./service.ts";
