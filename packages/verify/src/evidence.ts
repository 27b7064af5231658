import {
  type Evidence,
  type ExecResult,
  findQuote,
  MIN_QUOTE,
  quoteWeight,
  type RequirementClaim,
  type RequirementResult,
} from "@headrace/domain";
import { judge } from "./judge.ts";
import { twoAtATime } from "./two-at-a-time.ts";

const MAX_CLAIMS = 300;
const MAX_COMMANDS = 100;
const MAX_FILE_BYTES = 4_000_000;
const MAX_DETAIL = 2000;

/** How evidence reaches the tree it speaks of: the workspace and the commit, both at the integration tip. */
export type EvidenceTools = {
  claims: readonly RequirementClaim[];
  /** runs `sh -c` in the tree, offline; throws `InfrastructureError` when it cannot */
  runCommand(command: string): Promise<ExecResult>;
  /** a file's bytes at the commit; undefined where there is no such file */
  readFile(path: string): Promise<Uint8Array | undefined>;
};

type Finding = { holds: boolean; detail: string };

const checkQuote = async (tools: EvidenceTools, file: string, quote: string): Promise<Finding> => {
  if (quoteWeight(quote) < MIN_QUOTE)
    return { holds: false, detail: `the quote has fewer than ${MIN_QUOTE} letters and digits` };
  if (file.startsWith("/") || file.split("/").includes("..") || /\p{Cc}/u.test(file))
    return { holds: false, detail: `${JSON.stringify(file)} is no path inside the repository` };
  const bytes = await tools.readFile(file);
  if (bytes === undefined) return { holds: false, detail: `there is no file ${file}` };
  if (bytes.byteLength > MAX_FILE_BYTES)
    return { holds: false, detail: `${file} is too big to be searched` };
  const lines = findQuote(new TextDecoder().decode(bytes), quote);
  return lines === undefined
    ? { holds: false, detail: `the quote does not stand in ${file}` }
    : { holds: true, detail: `${file}:${lines.from}` };
};

const checkCommand = (exec: ExecResult): Finding => {
  const { verdict, reason } = judge(exec);
  if (verdict === "pass") return { holds: true, detail: reason };
  return { holds: false, detail: `${reason}\n${exec.output.slice(-(MAX_DETAIL - 100))}` };
};

/** What each command came to, each in a sandbox to itself. */
const runAll = async (
  commands: readonly string[],
  { runCommand }: EvidenceTools,
): Promise<Map<string, Finding>> =>
  new Map(
    await twoAtATime(
      commands,
      async (command) => [command, checkCommand(await runCommand(command))] as const,
    ),
  );

/** What is claimed to be unmet needs no proof. */
const evidenceOf = (claim: RequirementClaim): readonly Evidence[] =>
  claim.met ? claim.evidence : [];

/** Checks one piece of evidence; a command named twice is run once. */
const checker = async (
  tools: EvidenceTools,
  claims: readonly RequirementClaim[],
): Promise<(evidence: Evidence) => Promise<Finding>> => {
  const named = claims.flatMap(evidenceOf);
  const commands = new Set(named.flatMap((one) => (one.kind === "command" ? [one.run] : [])));
  const ran = await runAll([...commands].slice(0, MAX_COMMANDS), tools);
  return async (evidence) => {
    if (evidence.kind === "quote") return checkQuote(tools, evidence.file, evidence.quote);
    const detail = `not run: more than ${MAX_COMMANDS} commands were named`;
    return ran.get(evidence.run) ?? { holds: false, detail };
  };
};

const settle = async (
  claim: RequirementClaim,
  check: (evidence: Evidence) => Promise<Finding>,
): Promise<RequirementResult> => {
  const checked: RequirementResult["evidence"] = [];
  for (const evidence of evidenceOf(claim)) {
    const { holds, detail } = await check(evidence);
    checked.push({ evidence, holds, detail: detail.slice(0, MAX_DETAIL) });
  }
  const failed = checked.find((one) => !one.holds);
  const met = claim.met && checked.length > 0 && failed === undefined;
  const reason =
    met || !claim.met
      ? claim.reason
      : failed === undefined
        ? "claimed to be met, but no evidence was named"
        : `claimed to be met, but its evidence does not hold: ${failed.detail}`;
  return {
    requirement: claim.requirement,
    met,
    reason: reason.slice(0, MAX_DETAIL),
    evidence: checked,
  };
};

/**
 * What the factory finds when it checks the claims itself: commands two at a time, quotes one after another. Met needs
 * the claim, at least one piece of evidence, and that all of it holds. Of several claims for a requirement the first
 * counts.
 */
export const checkEvidence = async (tools: EvidenceTools): Promise<RequirementResult[]> => {
  const first = new Map<string, RequirementClaim>();
  for (const claim of tools.claims.slice(0, MAX_CLAIMS))
    if (!first.has(claim.requirement)) first.set(claim.requirement, claim);
  const claims = [...first.values()];
  const check = await checker(tools, claims);
  const results: RequirementResult[] = [];
  for (const claim of claims) results.push(await settle(claim, check));
  return results;
};
