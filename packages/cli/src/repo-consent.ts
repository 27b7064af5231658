import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { UserError } from "@headrace/domain";
import { CONFIG_FILE, type Loosening } from "@headrace/intake";
import { z } from "zod";
import { type DataDir, makeDataDir, writePrivate } from "./data-dir.ts";

/** Repository path -> hash of what a person allowed its file to open. */
const Allowed = z.record(z.string(), z.string());

const readAllowed = async (data: DataDir): Promise<z.infer<typeof Allowed>> => {
  try {
    return Allowed.parse(JSON.parse(await readFile(data.allowed, "utf8")));
  } catch {
    // without a readable answer the person is asked again
    return {};
  }
};

const shown = ({ setup, research, images = [], dockerfile }: Loosening): string[] => [
  ...(dockerfile === undefined
    ? []
    : [
        `${dockerfile.path} (sha256 ${dockerfile.sha256.slice(0, 12)}) is built by the container engine: its commands have ` +
          "the engine's whole network, and may start from any image that the engine has. This leave is for its text: " +
          "manifests and lockfiles that it copies may change, and what its commands do with them",
      ]),
  ...images.map(
    (image) =>
      `${image} is used as an image: the repository's code can read all that is in it, and the engine asks its registry ` +
      "for it where it has none of that name",
  ),
  ...setup.map((host) => `set-up may reach ${host}`),
  ...research.map((host) => `research may reach ${host}`),
];

/**
 * What a repository's file opens beyond the default holds only with a person's leave, which is remembered for exactly
 * that: throws `UserError` where it was not given.
 */
export const requireConsent = async (from: {
  data: DataDir;
  /** the repository's path */
  path: string;
  asks: Loosening | undefined;
  /** the person said so just now */
  allowed: boolean;
}): Promise<void> => {
  const { data, path, asks } = from;
  if (asks === undefined) return;
  const hash = createHash("sha256").update(JSON.stringify(asks)).digest("hex");
  const known = await readAllowed(data);
  if (known[path] === hash) return;
  if (!from.allowed)
    throw new UserError(
      [`${CONFIG_FILE} asks for more than is open by default:`, ...shown(asks)].join("\n    "),
      "Allow exactly this from now on with --allow-repo-config, or take it out of the file.",
    );
  await makeDataDir(data);
  await writePrivate(data.allowed, `${JSON.stringify({ ...known, [path]: hash }, null, 2)}\n`);
};
