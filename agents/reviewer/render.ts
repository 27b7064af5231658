import { fence } from "@headrace/agent";
import {
  answersSection,
  evidenceText,
  gatesSection,
  protectedSection,
  requirementsSection,
  servedSection,
  taskText,
  workspaceSection,
} from "../shared/facts.ts";
import { bullets, page, section } from "../shared/page.ts";
import type { BriefOf, Review } from "./brief.ts";

/** The task block of a review. */
export const renderBrief = (brief: Review): string => {
  switch (brief.stage) {
    case "plan":
      return planReview(brief);
    case "change":
      return changeReview(brief);
    case "acceptance":
      return acceptance(brief);
  }
};

const planReview = (brief: BriefOf<"plan">): string =>
  page(
    section("Your job now", "Stage: plan. Judge whether building this plan would meet the spec."),
    section(`Spec: ${brief.title}`, fence("spec", brief.spec)),
    requirementsSection("Requirements", brief.requirements),
    section("Constraints", bullets(brief.constraints)),
    section(
      "Already merged, and in the workspace",
      bullets(brief.landed.map(({ id, title }) => `${id}: ${title}`)),
    ),
    section(
      "Requirements found unmet, which this plan is for",
      bullets(brief.unmet.map(({ requirement, reason }) => `${requirement}: ${reason}`)),
    ),
    section("The plan", fence("plan", JSON.stringify(brief.plan, null, 1))),
    workspaceSection(brief.workspace),
    gatesSection(brief.gates),
    section("Setup", bullets(brief.setup.map((command) => `\`${command}\``))),
  );

const changeReview = (brief: BriefOf<"change">): string =>
  page(
    section("Your job now", "Stage: change. Judge whether this change may be merged."),
    section("Task", taskText(brief.task)),
    servedSection(brief.requirements),
    section("Constraints", bullets(brief.constraints)),
    section("Where it stands in the plan", fence("plan", brief.plan)),
    workspaceSection(brief.workspace),
    section(
      "What the gates found on this tree",
      bullets(brief.gates.map(({ name, run, verdict }) => `${name}: ${verdict} (\`${run}\`)`)),
    ),
    protectedSection(brief.protected),
    section(
      "What the factory noticed in the change: look at each, it may be honest",
      brief.noticed.length > 0 ? fence("noticed", bullets(brief.noticed)) : undefined,
    ),
    section(
      "The coder's words",
      brief.summary &&
        fence("claims", [brief.summary, ...(brief.notes ? [brief.notes] : [])].join("\n\n")),
    ),
    section("Held against earlier attempts", evidenceText(brief.earlier)),
    answersSection(brief.answers),
    section("The change", fence("diff", brief.diff)),
  );

const acceptance = (brief: BriefOf<"acceptance">): string =>
  page(
    section(
      "Your job now",
      "Stage: acceptance. The workspace holds everything that was merged. For each requirement find evidence that it is met, or say that it is not.",
    ),
    section(`Spec: ${brief.title}`, fence("spec", brief.spec)),
    requirementsSection("Requirements", brief.requirements),
    workspaceSection(brief.workspace),
    gatesSection(brief.gates),
    section("Merged tasks", bullets(brief.landed.map(({ id, title }) => `${id}: ${title}`))),
    section(
      "Tasks given up",
      bullets(brief.quarantined.map(({ id, title, reason }) => `${id}: ${title}; ${reason}`)),
    ),
    answersSection(brief.answers),
  );
