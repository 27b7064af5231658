import { type Claim, isEnded, type StepOutcome } from "@headrace/domain";
import { expect, test } from "vitest";
import { git, gitBytes } from "../support/git.ts";
import { played, playedLine } from "../support/played-line.ts";

/** What a coder leaves: its start's tree with a file, and what `also` names as links to it. */
const leaves = (bare: string, claim: Claim, also: readonly string[]): StepOutcome => {
  const { input, subject } = claim;
  if (input.kind !== "agent") throw new Error(`${input.kind} leaves nothing`);
  const blobOf = (text: string) =>
    gitBytes(bare, ["hash-object", "-w", "--stdin"], text).toString().trim();
  const text = blobOf(`script-shell=./${subject}.sh\n`);
  const entries = [
    // an attempt goes on from what the one before it left
    ...git(bare, "ls-tree", input.commit)
      .split("\n")
      .filter((line) => input.attempt === 1 && !line.endsWith(`\t${subject}.txt`)),
    `100644 blob ${text}\t${subject}.txt`,
    ...also.map((path) => `120000 blob ${blobOf(`${subject}.txt`)}\t${path}`),
  ];
  const tree = gitBytes(bare, ["mktree"], `${entries.filter(Boolean).join("\n")}\n`)
    .toString()
    .trim();
  const snapshot = git(bare, "commit-tree", tree, "-p", input.commit, "-m", "snapshot");
  const output = { summary: "Done." };
  const end = { end: "submitted" as const, output, snapshot, model: "m", turns: 1 };
  return { kind: "done", result: { kind: "agent", result: end } };
};

const linkLine = async (links: (subject: string, attempt: number) => readonly string[]) => {
  const line = await playedLine({
    play: (claim) => {
      const { input, subject } = claim;
      if (input.kind !== "agent" || input.role !== "coder") return undefined;
      return leaves(line.bare, claim, links(subject ?? "", input.attempt));
    },
  });
  return line;
};

test.each([".npmrc", "vite.config.ts", "node_modules", "notes"])(
  "a link at %s is refused, and the next attempt is told",
  async (path) => {
    await using line = await linkLine((_, attempt) => (attempt === 1 ? [path] : []));
    const run = await line.submit([played("a")]);
    const { steps, run: row } = await line.until(run, (now) => isEnded(now.run.status));
    expect(row.status).toBe("complete");
    const { input } = steps[`${run}-a-code-2`] ?? {};
    expect(JSON.stringify(input)).toContain(`${path} is a symbolic link`);
  },
);

test("a link that the plan permits lands, and is in nobody's way afterwards", async () => {
  await using line = await linkLine((subject) => (subject === "a" ? ["notes"] : []));
  const tasks = [played("a", { permits: ["path:notes"] }), played("b", { blockedBy: ["a"] })];
  const run = await line.submit(tasks);
  const { steps, run: row } = await line.until(run, (now) => isEnded(now.run.status));
  expect(row.status).toBe("complete");
  expect(Object.keys(steps).filter((id) => id.includes("-code-"))).toHaveLength(2);
});
