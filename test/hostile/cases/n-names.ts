import { Id, slug, Task } from "@headrace/domain";
import { openSourceRepo } from "@headrace/repo";
import { expect } from "vitest";
import { sh } from "../../contract/suites/sandbox-harness.ts";
import { commitFiles, git, tempRepo } from "../../support/git.ts";
import { type HostileCase, hostile, refusal, type Verdict } from "../case.ts";
import { handIn, type Stage } from "../stage.ts";

/** A name, or one made with a program of the host that must not be run. */
type Name = string | ((payload: string) => string);
const nameFor = (given: Name, stage: Stage): string =>
  typeof given === "string" ? given : given(stage.tripwires.payload);

/** A name that comes as a revision of a spec, as an id of a plan, and as the title a branch is named after. */
const named = (n: number, what: string, given: Name): HostileCase =>
  hostile({
    id: `N${String(n).padStart(2, "0")}`,
    title: `${what} as revision, id and title`,
    verdict: "refused",
    build: async () => {
      const repo = await tempRepo();
      await commitFiles(repo.path, { "a.txt": "a\n" });
      return repo;
    },
    async run(made, stage): Promise<Verdict> {
      await using repo = made;
      const name = nameFor(given, stage);
      const source = await openSourceRepo(repo);
      await refusal(source.resolve(name), /./);
      expect(Id.safeParse(name).success).toBe(false);
      expect(Task.shape.id.safeParse(name).success).toBe(false);
      expect(slug(name)).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*$/);
      expect(await stage.tripwires.sprung()).toEqual([]);
      return "refused";
    },
  });

const NAMED: readonly HostileCase[] = [
  named(1, "-x", "-x"),
  named(2, "--upload-pack=PROGRAM", (payload) => `--upload-pack=${payload} n02`),
  named(3, "feature/$(PROGRAM)", (payload) => `feature/$(${payload})`),
  named(4, "a;PROGRAM", (payload) => `a;${payload} n04`),
  named(5, "an ideographic space", (payload) => `main\u3000;${payload}`),
  named(7, "a.lock", "a.lock"),
  named(8, "..", ".."),
  named(9, "a newline", "main\nx"),
  named(10, "an RTL override", "ma\u202ein"),
  named(11, "300 characters", "x".repeat(300)),
];

/** Names that git itself takes for a branch: the repository is read and nothing of them is evaluated. */
const branch = (id: string, what: string, given: Name): HostileCase =>
  hostile({
    id,
    title: `a user's branch named ${what}`,
    verdict: "contained",
    build: async (stage) => {
      const repo = await tempRepo();
      await commitFiles(repo.path, { "a.txt": "a\n" });
      git(repo.path, "symbolic-ref", "HEAD", `refs/heads/${nameFor(given, stage)}`);
      await commitFiles(repo.path, { "b.txt": "b\n" });
      return repo;
    },
    async run(made, stage): Promise<Verdict> {
      await using repo = made;
      await (await stage.host()).userRepository(repo.path);
      expect(await stage.tripwires.sprung()).toEqual([]);
      return "contained";
    },
  });

const BRANCHES: readonly HostileCase[] = [
  branch("N03b", "feature/$(PROGRAM)", (payload) => `feature/$(${payload})`),
  branch("N04b", "a;PROGRAM", (payload) => `a;${payload}`),
  branch("N05b", "with an ideographic space", "main\u3000id"),
  branch("N06a", "HEAD", "HEAD"),
  branch("N06b", "refs/heads/x", "refs/heads/x"),
  branch("N06c", "@", "@"),
  branch("N10b", "with an RTL override", "ma\u202ein"),
];

/** A file an agent makes in its workspace. */
const file = (id: string, what: string, verdict: Verdict, script: string): HostileCase =>
  hostile({
    id,
    title: `a file ${what} in a change`,
    verdict,
    async build(stage) {
      const sandbox = await stage.shared();
      await sh(sandbox, "rm -rf ./* ./.[!.]*; echo kept > a.txt");
      expect((await sh(sandbox, script)).exitCode).toBe(0);
      return sandbox;
    },
    run: async (sandbox, stage) => {
      if (verdict === "refused") return refusal(handIn(stage, sandbox));
      await handIn(stage, sandbox);
      return verdict;
    },
  });

const FILES: readonly HostileCase[] = [
  file("N12", "A beside a", "refused", "echo 1 > name; echo 2 > Name"),
  file("N13", "named -rf", "harmless", "echo 1 > ./-rf; echo 2 > ./--output=x"),
  file("N14", "with a newline in its name", "refused", "echo 1 > \"$(printf 'a\\nb')\""),
  file("N15", "named CON and aux.", "harmless", "echo 1 > CON; echo 2 > aux."),
  file("N16", "whose name is no UTF-8", "refused", "echo 1 > \"$(printf 'a\\377')\""),
  file(
    "N17",
    "in two Unicode forms",
    "refused",
    "echo 1 > \"$(printf 'caf\\303\\251')\"; echo 2 > \"$(printf 'cafe\\314\\201')\"",
  ),
];

const ids = (id: string, what: string, names: readonly string[]): HostileCase =>
  hostile({
    id,
    title: `${what} as an id`,
    verdict: "refused",
    build: () => names,
    run(given) {
      for (const name of given) expect(Id.safeParse(name).success, name).toBe(false);
      return "refused";
    },
  });

const IDS: readonly HostileCase[] = [
  ids("N18", "__proto__ and constructor", ["__proto__", "constructor", "toString", "prototype.x"]),
  ids("N19", "a colon", ["a:b", ":", "run:1"]),
  ids("N20", "a glob of Redis", ["*", "run-*", "r?n", "r[a-z]n"]),
];

export const NAMES: readonly HostileCase[] = [...NAMED, ...BRANCHES, ...FILES, ...IDS];
