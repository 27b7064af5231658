import { type LandSpec, planLanding } from "../../packages/repo/src/index.ts";
import { commitFiles, git, tempRepo } from "./git.ts";

const LANDING = "headrace/r1/integration";

/** A repository with an integration branch one commit ahead of main; Ada is its configured user. */
export const exportedRepo = async (
  change: Parameters<typeof commitFiles>[1] = { "b.txt": "b\n" },
) => {
  const repo = await tempRepo();
  const { path } = repo;
  git(path, "config", "user.name", "Ada");
  git(path, "config", "user.email", "ada@example.com");
  const base = await commitFiles(path, { "a.txt": "1\n2\n3\n" });
  git(path, "checkout", "--quiet", "-b", LANDING);
  const commit = await commitFiles(path, change);
  git(path, "checkout", "--quiet", "main");
  const plan = (more: Partial<LandSpec> = {}) =>
    planLanding({ path, commit, mode: "merge", ...more });
  const land = async (more: Partial<LandSpec> = {}) => {
    const planned = await plan(more);
    return planned.outcome === "ready" ? planned.carryOut("Land run r1\n") : planned;
  };
  return {
    path,
    base,
    commit,
    plan,
    land,
    [Symbol.asyncDispose]: () => repo[Symbol.asyncDispose](),
  };
};
