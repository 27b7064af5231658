import type { Gate, Policy, SandboxMeans } from "@headrace/domain";
import { BUILT_IN_PROTECTED, CONFIG_FILE } from "@headrace/intake";
import { baseImageTag, baseVersions } from "../machine/base-image.mjs";

/** What a run works with, as lines that a person reads before it starts. */
export const aboutPolicy = (policy: Policy): string[] => [
  ...(policy.gates.length === 0 ? ["gates: none found; the plan of a run brings its own"] : []),
  ...policy.gates.map(
    ({ name, run, ...more }) => `gate ${name}: ${run} (${policy.from.gates}${aboutGate(more)})`,
  ),
  ...policy.tools.map(({ tool, version, from }) => `${tool}: ${version} (${from})`),
  ...(policy.image === undefined ? [] : [`image: ${policy.image}`]),
  ...(policy.dockerfile === undefined ? [] : [`image: built from ${policy.dockerfile}`]),
  ...policy.setup.map((command) => `setup: ${command} (${policy.from.setup})`),
  ...policy.services.map(({ name, image }) => `service ${name}: ${image}`),
  ...listed("environment", Object.keys(policy.env)),
  ...listed(
    "protected, besides what always is",
    policy.protected.filter((glob) => !BUILT_IN_PROTECTED.includes(glob)),
  ),
  ...(policy.isolation.runtime === "gvisor" ? ["isolation: gVisor is required"] : []),
  ...(policy.isolation.userns === "required" ? ["isolation: user namespaces are required"] : []),
  ...(policy.verification === undefined
    ? []
    : [`further checks: ${policy.verification.budget} times what the gates take on the base`]),
  ...policy.network.setup.map((host) => `network: set-up may reach ${host}`),
  ...policy.network.research.map((host) => `network: research may reach ${host}`),
];

const aboutGate = ({ canary, report }: Pick<Gate, "canary" | "report">): string => {
  const reported = report === undefined ? "" : ", must write JUnit XML";
  if (canary === undefined) return reported;
  return `${canary === "off" ? ", canary: off" : ", canary: a patch"}${reported}`;
};

/** The image of an engine that sandboxes are made from where neither repository nor person names one. */
export const aboutBase = ({ image, dockerfile }: Policy): string[] => {
  if (image !== undefined || dockerfile !== undefined) return [];
  const { node, npm, python } = baseVersions();
  return [`image: ${baseImageTag()}, the default, with Node ${node}, npm ${npm}, Python ${python}`];
};

/** What a person writes where no gates are found. */
export const GATES_EXAMPLE = "gates:\n  - name: test\n    run: npm test\n    timeout: 10m\n";

/** What to do about a repository that has no gates to check. */
export const noGatesLines = (): string[] => [
  `there are no gates to check: write them to ${CONFIG_FILE} and commit it, for example`,
  ...GATES_EXAMPLE.trimEnd()
    .split("\n")
    .map((line) => `    ${line}`),
  "  a run starts without them all the same: its plan brings gates of its own",
];

/** What sandboxes may take, for who cannot ask the machine yet. */
export const aboutAsked = (asked: SandboxMeans): string =>
  `each sandbox asks for at most ${amounts(asked)}`;

/** What sandboxes get, and what was asked for where that is another thing. */
export const aboutGiven = (given: SandboxMeans, asked: SandboxMeans): string => {
  const [gets, wants] = [amounts(given), amounts(asked)];
  return `each sandbox gets at most ${gets}${gets === wants ? "" : ` (asked for: ${wants})`}`;
};

const amounts = ({ limits, services = [] }: SandboxMeans): string => {
  const { memoryMb, cpus, diskMb } = limits;
  const beside = services.reduce((sum, service) => sum + service.memoryMb, 0);
  const more = beside === 0 ? "" : ` and ${beside} MB for its services`;
  return `${memoryMb} MB of memory${more}, cpus ${cpus}, ${diskMb} MB of disk`;
};

const listed = (what: string, names: readonly string[]): string[] =>
  names.length === 0 ? [] : [`${what}: ${names.join(", ")}`];
