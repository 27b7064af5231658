import type { Git } from "./git.ts";

/** Names refs of the factory's making have; also keeps `@{}`, `..` and options out of every command. */
const REF = /^refs\/[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;

/** Throws on what is no plain full ref name. */
const plainRef = (ref: string): string => {
  if (REF.test(ref) && !ref.includes("..") && !/\.(?:lock)?(?:\/|$)/.test(ref)) return ref;
  throw new Error(`not a full ref name of plain characters: ${JSON.stringify(ref)}`);
};

/** The object that exactly this ref points to; undefined where there is none. */
export const readRefOf = async (git: Git, ref: string): Promise<string | undefined> => {
  const format = "--format=%(objectname) %(refname)";
  const { stdout } = await git.run(["for-each-ref", format, "--end-of-options", ref]);
  const lines = stdout.toString("utf8").split("\n");
  const line = lines.find((candidate) => candidate.endsWith(` ${ref}`));
  return line?.split(" ")[0];
};

/** Moves exactly this ref (a symbolic one is not followed) if it is at `expected`; zeros create it. */
export const moveRefBy = async (
  git: Git,
  { ref, to, expected, message }: { ref: string; to: string; expected: string; message?: string },
): Promise<void> => {
  const log = message === undefined ? [] : ["--create-reflog", "-m", message];
  await git.run(["update-ref", "--no-deref", ...log, plainRef(ref), to, expected]);
};
