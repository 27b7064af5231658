import type { Policy, Sandbox } from "@headrace/domain";

const PROBE_MS = 20_000;
const MAX_OUTPUT_BYTES = 16 * 1024;
const MAX_CHARS = 4000;

/** Tools that decide how somebody works here, each with the arguments that print its version. */
const TOOLS: Readonly<Record<string, string>> = {
  node: "--version",
  npm: "--version",
  pnpm: "--version",
  yarn: "--version",
  bun: "--version",
  python: "--version",
  python3: "--version",
  pip: "--version",
  uv: "--version",
  poetry: "--version",
  pytest: "--version",
  go: "version",
  cargo: "--version",
  java: "-version",
  make: "--version",
  gcc: "--version",
  git: "--version",
  bash: "--version",
  rg: "--version",
  grep: "--version",
  jq: "--version",
  curl: "--version",
  psql: "--version",
};

/** Prints `tool<TAB>first line` for what is there, all at once: a tool that hangs holds up no other. */
const SCRIPT = [
  'see() { command -v "$1" >/dev/null 2>&1 && printf "%s\\t%s\\n" "$1" "$("$@" 2>&1 </dev/null | head -n 1)"; }',
  ...Object.entries(TOOLS).map(([tool, argument]) => `see ${tool} ${argument} &`),
  "wait",
].join("\n");

/** Of what a tool printed only its version is taken: the rest may be anything. */
const versionIn = (said: string): string =>
  (/\d+(?:\.\d+)+[\w.+-]{0,20}/.exec(said) ?? /\b\d{1,6}\b/.exec(said))?.[0] ?? "";

/** The tools that answered, in the order of `TOOLS`, and those that did not. */
const toolLines = (printed: string): string[] => {
  const found = new Map(
    printed.split("\n").flatMap((line): [string, string][] => {
      const [tool = "", said = ""] = line.split("\t", 2);
      return Object.hasOwn(TOOLS, tool) ? [[tool, versionIn(said)]] : [];
    }),
  );
  const names = Object.keys(TOOLS);
  const there = names.flatMap((tool) => {
    const version = found.get(tool);
    return version === undefined ? [] : [`${tool} ${version}`.trim()];
  });
  const absent = names.filter((tool) => !found.has(tool));
  return [
    ...(there.length === 0 ? [] : [`tools: ${there.join(", ")}`]),
    ...(there.length === 0 || absent.length === 0 ? [] : [`not there: ${absent.join(", ")}`]),
  ];
};

type Surroundings = Pick<Policy, "limits" | "services" | "network" | "tools">;

const networkLine = ({ research }: Policy["network"]): string =>
  research.length === 0
    ? "network: none; nothing can be downloaded or installed, unless the task's own section Dependencies says so"
    : `network: none, but for the researcher, whose proxy lets through package registries and ${research.join(", ")}, and where the task has a section Dependencies`;

/** What an agent would otherwise find out with its first turns; at most 4000 characters, each harmless. */
export const renderFacts = (printed: string, policy: Surroundings): string => {
  const { limits, services, network, tools } = policy;
  const wanted = tools.map(({ tool, version, from }) => `${tool} ${version} (${from})`);
  const servers = services.map(({ name, image }) => `${name} (${image})`);
  return [
    ...toolLines(printed),
    ...(wanted.length === 0 ? [] : [`the repository asks for: ${wanted.join(", ")}`]),
    `limits: ${limits.cpus} cpus, ${limits.memoryMb} MB memory, ${limits.pids} processes, ${limits.diskMb} MB disk`,
    ...(servers.length === 0
      ? []
      : [
          `servers on 127.0.0.1, each at its usual port, fresh for each sandbox: ${servers.join(", ")}`,
        ]),
    networkLine(network),
  ]
    .map((line) => line.replace(/\p{C}/gu, "?"))
    .join("\n")
    .slice(0, MAX_CHARS)
    .toWellFormed();
};

/** Looks once what a sandbox of the environment has. A probe that fails leaves out what it did not see. */
export const probeEnvironment = async (
  sandbox: Sandbox,
  policy: Surroundings,
  signal: AbortSignal,
): Promise<string> => {
  const { output } = await sandbox.exec(SCRIPT, {
    timeoutMs: PROBE_MS,
    maxOutputBytes: MAX_OUTPUT_BYTES,
    signal,
  });
  return renderFacts(output, policy);
};
