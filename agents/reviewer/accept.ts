import type { Workspace } from "@headrace/agent";
import { findQuote, MIN_QUOTE, quoteWeight } from "@headrace/domain";
import type { AcceptanceOutput, BriefOf, ReviewOutput } from "./brief.ts";

const short = (quote: string): string => JSON.stringify(quote.slice(0, 80));

/** An invented finding sends the coder after nothing, so a quote must stand in the file or in the diff. */
export const verdictProblems = async (
  verdict: ReviewOutput,
  brief: BriefOf<"plan"> | BriefOf<"change">,
  workspace: Workspace,
): Promise<string[]> => {
  const grave = verdict.findings.some(({ severity }) => severity !== "low");
  const shape =
    (verdict.decision === "reject") === grave
      ? []
      : [
          grave
            ? "a finding of severity high or medium is a rejection: reject, or call it low if it is not worth another attempt"
            : "a rejection names at least one finding of severity high or medium; else approve",
        ];
  if (brief.stage === "plan") return shape;
  const invented = await Promise.all(
    verdict.findings.map(async ({ file, quote }) => {
      if (quote === undefined || findQuote(brief.diff, quote) !== undefined) return [];
      const text = await workspace.read(file);
      return text !== undefined && findQuote(text, quote) !== undefined
        ? []
        : [`neither ${file} nor the diff contains the quote ${short(quote)}: copy it exactly`];
    }),
  );
  return [...shape, ...invented.flat()];
};

/** Every requirement has one claim, and every claim that it is met has evidence that can be checked. */
export const claimProblems = async (
  { claims }: AcceptanceOutput,
  brief: BriefOf<"acceptance">,
  workspace: Workspace,
): Promise<string[]> => {
  const known = new Set(brief.requirements.map(({ id }) => id));
  const count = (id: string) => claims.filter(({ requirement }) => requirement === id).length;
  const quotes = claims.flatMap(({ evidence }) => evidence.filter((e) => e.kind === "quote"));
  const lost = await Promise.all(
    quotes.map(async ({ file, quote }) => {
      if (file.startsWith("/")) return [`name ${file} by its path from the repository's root`];
      if (quoteWeight(quote) < MIN_QUOTE) {
        return [
          `the quote ${short(quote)} has fewer than ${MIN_QUOTE} letters and digits: quote more`,
        ];
      }
      const text = await workspace.read(file);
      return text !== undefined && findQuote(text, quote) !== undefined
        ? []
        : [`${file} does not contain the quote ${short(quote)}: copy it exactly`];
    }),
  );
  return [
    ...claims
      .filter(({ requirement }) => !known.has(requirement))
      .map(({ requirement }) => `there is no requirement ${requirement}`),
    ...[...known]
      .filter((id) => count(id) !== 1)
      .map((id) => `requirement ${id} has ${count(id)} claims: give it exactly one`),
    ...claims
      .filter(({ met, evidence }) => met && evidence.length === 0)
      .map(({ requirement }) => `requirement ${requirement} is claimed as met without evidence`),
    ...lost.flat(),
  ];
};
