import { plainLine, type SourceRepo, UserError } from "@headrace/domain";
import { findSecrets, type SecretFinding } from "@headrace/secrets";

/** A larger file is data. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;
const MAX_SHOWN = 20;

type Scanned = {
  spec?: { file: string; text: string } | undefined;
  repo: Pick<SourceRepo, "files">;
  base: string;
};

const secretsIn = async ({ spec, repo, base }: Scanned): Promise<SecretFinding[]> => {
  const found =
    spec === undefined ? [] : await findSecrets(spec.file, new TextEncoder().encode(spec.text));
  for await (const { path, bytes } of repo.files(base, MAX_FILE_BYTES))
    found.push(...(await findSecrets(path, bytes)));
  return found;
};

/**
 * What looks like a secret in the spec or in a file of the base would be read by agents and sent to the provider:
 * throws `UserError` naming file, line and kind. With `allowed` the same lines are answered as notes.
 */
export const refuseSecrets = async (scanned: Scanned, allowed: boolean): Promise<string[]> => {
  const found = await secretsIn(scanned);
  if (found.length === 0) return [];
  const lines = found
    .slice(0, MAX_SHOWN)
    .map(({ file, line, kind }) => `${plainLine(file)}:${line}: looks like a secret (${kind})`);
  if (found.length > MAX_SHOWN) lines.push(`and ${found.length - MAX_SHOWN} more`);
  if (allowed) return lines;
  throw new UserError(
    lines.join("\n"),
    "agents read these files and send them to the model: take the secrets out and revoke them, or, where they are\n" +
      "  test data, say so with --allow-secrets",
  );
};
