import type { Policy } from "@headrace/domain";
import { BUILT_IN_PROTECTED } from "@headrace/intake";

/** What a run works with, as lines that a person reads before it starts. */
export const aboutPolicy = (policy: Policy): string[] => [
  ...policy.gates.map(({ name, run }) => `gate ${name}: ${run} (${policy.from.gates})`),
  ...policy.tools.map(({ tool, version, from }) => `${tool}: ${version} (${from})`),
  ...(policy.image === undefined ? [] : [`image: ${policy.image}`]),
  ...(policy.dockerfile === undefined ? [] : [`image: built from ${policy.dockerfile}`]),
  ...policy.setup.map((command) => `setup: ${command} (${policy.from.setup})`),
  ...policy.services.map(({ name, image }) => `service ${name}: ${image}`),
  limitsOf(policy),
  ...listed("environment", Object.keys(policy.env)),
  ...listed(
    "protected, besides what always is",
    policy.protected.filter((glob) => !BUILT_IN_PROTECTED.includes(glob)),
  ),
  ...(policy.isolation.runtime === "gvisor" ? ["isolation: gVisor is required"] : []),
  ...(policy.isolation.userns === "required" ? ["isolation: user namespaces are required"] : []),
  ...policy.network.setup.map((host) => `network: set-up may reach ${host}`),
  ...policy.network.research.map((host) => `network: research may reach ${host}`),
];

const limitsOf = ({ limits, services }: Policy): string => {
  const { memoryMb, cpus, diskMb } = limits;
  const beside = services.reduce((sum, service) => sum + service.memoryMb, 0);
  const more = beside === 0 ? "" : ` and ${beside} MB for its services`;
  return `each sandbox: at most ${memoryMb} MB of memory${more}, cpus ${cpus}, ${diskMb} MB of disk`;
};

const listed = (what: string, names: readonly string[]): string[] =>
  names.length === 0 ? [] : [`${what}: ${names.join(", ")}`];
