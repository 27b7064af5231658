import type { Policy } from "@headrace/domain";

/** What a run works with, as lines that a person reads before it starts. */
export const aboutPolicy = (policy: Policy): string[] => [
  ...policy.gates.map(({ name, run }) => `gate ${name}: ${run} (${policy.from.gates})`),
  ...policy.tools.map(({ tool, version, from }) => `${tool}: ${version} (${from})`),
  ...(policy.image === undefined ? [] : [`image: ${policy.image}`]),
  ...(policy.dockerfile === undefined ? [] : [`image: built from ${policy.dockerfile}`]),
  ...policy.setup.map((command) => `setup: ${command} (${policy.from.setup})`),
  ...policy.services.map(({ name, image }) => `service ${name}: ${image}`),
  ...(policy.isolation.runtime === "gvisor" ? ["isolation: gVisor is required"] : []),
  ...(policy.isolation.userns === "required" ? ["isolation: user namespaces are required"] : []),
  ...policy.network.setup.map((host) => `network: set-up may reach ${host}`),
  ...policy.network.research.map((host) => `network: research may reach ${host}`),
];
