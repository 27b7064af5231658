import { constants, existsSync } from "node:fs";
import { access, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { checkPlan, type PlanProposal, type Policy, UserError } from "@headrace/domain";
import { parsePlan, planFileError, type SpecDocument } from "@headrace/intake";

/** A plan with the file it stands in. */
export type PlanSource = { proposal: PlanProposal; file: string; text: string };

export const readPlan = async (file: string): Promise<PlanSource> => {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(
      `${file}: cannot be read (${cause.code ?? cause.message})`,
      "Name the plan's file, as `headrace plan SPEC -o FILE` writes it.",
    );
  });
  return { proposal: parsePlan({ file, text }), file, text };
};

/** Throws `UserError` where the factory would send the plan back: what a person wrote no planner can mend. */
export const refuseUnbuildable = (
  { proposal, ...source }: PlanSource,
  { spec, policy }: { spec: Pick<SpecDocument, "text" | "requirements">; policy: Policy },
): void => {
  const given = { listed: spec.requirements, spec: spec.text, policy, tasks: {} };
  const problems = checkPlan(proposal, given);
  if (problems.length > 0) throw planFileError(source, problems);
};

const taken = (file: string): UserError =>
  new UserError(`${file} is there already`, "Name another file, or take it away first.");

const unwritable = (file: string, cause: NodeJS.ErrnoException): UserError =>
  new UserError(
    `${file}: cannot be written (${cause.code ?? cause.message})`,
    "Name a file in a folder you may write to.",
  );

/** Throws `UserError` where `writeNew` would, before anything is spent on what is to be written. */
export const requireNew = async (file: string): Promise<void> => {
  if (existsSync(file)) throw taken(file);
  await access(dirname(file), constants.W_OK).catch((cause) => {
    throw unwritable(file, cause);
  });
};

/** Writes a new file: one that is there may hold what somebody has edited. */
export const writeNew = async (file: string, text: string): Promise<void> => {
  await writeFile(file, text, { flag: "wx" }).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === "EEXIST" ? taken(file) : unwritable(file, cause);
  });
};
