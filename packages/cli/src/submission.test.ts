import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromUsd, Submission } from "@headrace/domain";
import { openSourceRepo } from "@headrace/repo";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dataDir } from "./data-dir.ts";
import { prepareSubmission, type Request, readRequest } from "./submission.ts";
import { readInstallation } from "./user-config.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headrace-submission-"));
  await writeFile(join(dir, "spec.md"), "# Hello\n\n## Acceptance criteria\n\n- It greets.\n");
  await configure(`models:
  sonnet: { provider: anthropic, id: claude-sonnet-5 }
  opus: { provider: anthropic, id: claude-opus-4-8 }
`);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const configure = (text: string) => writeFile(join(dir, "config.yaml"), text);
const env = { ANTHROPIC_API_KEY: "sk-1" };
const installation = () => readInstallation({ env, dataDir: dir });

/** A repository with this headrace.yaml. */
const commit = async (text: string): Promise<string> => {
  const git = (...args: string[]) => execFileSync("git", ["-C", dir, ...args]);
  git("init", "--quiet");
  await writeFile(join(dir, "headrace.yaml"), text);
  git("add", "headrace.yaml");
  git(
    "-c",
    "user.name=a",
    "-c",
    "user.email=a@a",
    "commit",
    "--quiet",
    "--allow-empty",
    "--message=one",
  );
  return dir;
};

const prepare = async (file: string, asked: Partial<Request> = {}) => {
  const installed = await installation();
  const request: Request = {
    spec: "spec.md",
    budget: undefined,
    budgetTokens: undefined,
    model: undefined,
    plan: undefined,
    notify: undefined,
    ...asked,
  };
  const read = await readRequest(request, dir, installed);
  const { submission, notes } = await prepareSubmission(request, read, {
    repo: await openSourceRepo({ path: await commit(file) }),
    data: dataDir(dir, env),
    installation: installed,
    allowRepoConfig: false,
    knownImages: async () => undefined,
  });
  return { submission: Submission.parse(submission), notes: notes.join("\n") };
};

const ROUTES = "setup: []\nroutes: { coder: opus, reviewer: [opus, sonnet] }\n";

test("a repository's routes go with the run, and what the factory is to agree on", async () => {
  const { submission, notes } = await prepare(ROUTES);
  expect(submission).toMatchObject({
    routes: { coder: ["opus"], reviewer: ["opus", "sonnet"] },
    credentials: (await installation()).fingerprint,
    budget: fromUsd(20),
  });
  expect(submission).not.toHaveProperty("limits");
  expect(notes).not.toContain("routes");
});

test("they are told of and left where --model names one for every role, configured or not", async () => {
  const gold = "setup: []\nroutes: { coder: gold }\n";
  const { submission, notes } = await prepare(gold, { model: "opus" });
  expect(submission).not.toHaveProperty("routes");
  expect(submission.model).toEqual({ kind: "provider", model: "opus" });
  expect(notes).toContain("headrace.yaml: its routes are not used: --model names one model");
  await expect(prepare(gold)).rejects.toThrow(/headrace\.yaml:2: routes\.coder: expected a model/);
});

test("a script has models and no keys of its own, so that neither routes nor settings count", async () => {
  const { submission, notes } = await prepare(ROUTES, { model: "script:play.yaml" });
  expect(submission).not.toHaveProperty("routes");
  expect(submission).not.toHaveProperty("credentials");
  expect(notes).not.toContain("routes");
});

test.each([
  ["20000000", 20_000_000],
  ["20m", 20_000_000],
  ["500K", 500_000],
  ["1_500", 1500],
])("--budget-tokens %s limits the run to %d tokens", async (given, tokens) => {
  expect((await prepare(ROUTES, { budgetTokens: given })).submission.limits).toEqual({ tokens });
});

test.each(["0", "-5", "1.5m", "lots", "", "99999999999m"])(
  "--budget-tokens %j is refused",
  async (given) => {
    await expect(prepare(ROUTES, { budgetTokens: given })).rejects.toThrow(
      /--budget-tokens .*: expected a number of tokens above 0/,
    );
  },
);
