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

/** The first runc in which the escapes CVE-2025-31133, -52565 and -52881 are mended. */
const SAFE_RUNC = [1, 2, 8] as const;

export const describeEngine = async (docker: Docker): Promise<EngineInfo> => {
  const [info, version] = await bounded({ to: "describe itself", ms: DESCRIBE_MS }, () =>
    Promise.all([
      docker.info().then((x) => Info.parse(x)),
      docker.version().then((x) => Version.parse(x)),
    ]),
  );
  const security = info.SecurityOptions ?? [];
  return {
    kind: "docker",
    version: version.Version,
    apiVersion: version.ApiVersion,
    os: info.OperatingSystem,
    arch: info.Architecture,
    cpus: info.NCPU,
    memoryBytes: info.MemTotal,
    userns: security.some((option) => option.includes("name=userns")),
    runtimes: Object.keys(info.Runtimes ?? {}),
    rootless: security.some((option) => option.includes("name=rootless")),
    warnings: [...(info.Warnings ?? []), ...ageWarnings(version.Components ?? [])],
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
