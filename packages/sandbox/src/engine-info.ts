import type { EngineInfo } from "@headrace/domain";
import type Docker from "dockerode";
import { z } from "zod";
import { bounded } from "./engine.ts";

const DESCRIBE_MS = 30_000;

const Info = z.object({
  OperatingSystem: z.string(),
  Architecture: z.string(),
  NCPU: z.int().positive(),
  MemTotal: z.int().nonnegative(),
  SecurityOptions: z.array(z.string()).nullish(),
  Runtimes: z.record(z.string(), z.unknown()).nullish(),
  Warnings: z.array(z.string()).nullish(),
});
const Version = z.object({
  Version: z.string(),
  ApiVersion: z.string(),
  Components: z.array(z.object({ Name: z.string(), Version: z.string() })).nullish(),
});

/** What containers are made by, besides what a person is told of the engine. */
export type EngineFacts = EngineInfo & {
  seccomp: boolean;
  /** whether a request may hold a seccomp profile; Podman takes it for the path of one on its host */
  inlineSeccomp: boolean;
};

/** The first runc in which the escapes CVE-2025-31133, -52565 and -52881 are mended. */
const SAFE_RUNC = [1, 2, 8] as const;

export const describeEngine = async (docker: Docker): Promise<EngineFacts> => {
  const [info, version] = await bounded({ to: "describe itself", ms: DESCRIBE_MS }, () =>
    Promise.all([
      docker.info().then((x) => Info.parse(x)),
      docker.version().then((x) => Version.parse(x)),
    ]),
  );
  const security = info.SecurityOptions ?? [];
  const has = (name: string) => security.some((option) => option.startsWith(`name=${name}`));
  const components = version.Components ?? [];
  return {
    kind: "docker",
    version: version.Version,
    apiVersion: version.ApiVersion,
    os: info.OperatingSystem,
    arch: info.Architecture,
    cpus: info.NCPU,
    memoryBytes: info.MemTotal,
    userns: has("userns"),
    runtimes: Object.keys(info.Runtimes ?? {}),
    rootless: has("rootless"),
    seccomp: has("seccomp"),
    inlineSeccomp: !components.some(({ Name }) => Name.startsWith("Podman")),
    warnings: [...(info.Warnings ?? []), ...ageWarnings(components)],
  };
};

const ageWarnings = (components: ReadonlyArray<{ Name: string; Version: string }>): string[] => {
  const runc = components.find(({ Name }) => Name === "runc")?.Version;
  if (runc === undefined || !isOlder(runc, SAFE_RUNC)) return [];
  return [
    `runc ${runc} may lack the fixes of CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881 (in ${SAFE_RUNC.join(".")}): ` +
      "its containers are no hard boundary against hostile code; update the engine",
  ];
};

const isOlder = (version: string, than: readonly number[]): boolean => {
  const parts = version.split(/[.+~-]/).map(Number);
  const at = than.findIndex((part, index) => parts[index] !== part);
  return at !== -1 && (parts[at] ?? 0) < (than[at] ?? 0);
};
