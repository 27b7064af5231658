import { join } from "node:path";
import { Policy, Task } from "@headrace/domain";
import { openFactoryRepo } from "@headrace/repo";
import { describe, expect, test } from "vitest";
import { judgeSnapshot } from "../../packages/control/src/change-problems.ts";
import { commitFlat, type Files } from "../support/flat-trees.ts";
import { commitFiles, packFrom, tempDir, tempRepo } from "../support/git.ts";
import { played } from "../support/played-line.ts";

/** What is said of a resolution in which one file joins what landed and a change, both made on one base. */
const problemsWith = async (
  path: string,
  sides: { base: string; ours: string; theirs: string; resolution: string },
  beside: Files = {},
): Promise<readonly string[]> => {
  await using source = await tempRepo();
  await using place = await tempDir();
  const dir = join(place.path, "code.git");
  const start = await commitFiles(source.path, { [path]: sides.base, "other.txt": "other\n" });
  await using repo = await openFactoryRepo({ dir });
  await repo.putPack(packFrom(source.path, start), start, { boundary: true });
  const made = (text: string, files: Files = {}) =>
    commitFlat(dir, start, { [path]: text, "other.txt": "other\n", ...files });
  const [base, theirs] = [made(sides.ours), made(sides.theirs)];
  const from = commitFlat(dir, base, {
    [path]: "both sides, with markers\n",
    "other.txt": "other\n",
  });
  const snapshot = made(sides.resolution, beside);
  const policy = Policy.parse({
    gates: [{ name: "test", run: "true" }],
    setup: [],
    protected: [],
    from: { gates: "file", setup: "none" },
  });
  const task = Task.parse(played("t1", { permits: ["lockfile"] }));
  const input = {
    kind: "change" as const,
    base,
    snapshot,
    from,
    theirs,
    only: [path],
    summary: "Joined.",
  };
  return (await judgeSnapshot({ repo, task, policy }, input, [path])).problems;
};

const code = { base: "a\n", ours: "a\nlanded\n", theirs: "a\nmine\n" };
const MARKED = "<<<<<<< ours\n1\n=======\n2\n>>>>>>> theirs\n";

describe("a resolution is refused", () => {
  test("that leaves a marker, in a file of a package manager as well", async () => {
    const told = "still holds conflict markers";
    const sides = { base: "0\n", ours: "1\n", theirs: "2\n", resolution: MARKED };
    expect(await problemsWith("list.txt", sides)).toContain(`list.txt ${told}`);
    expect(await problemsWith("composer.lock", sides)).toContain(`composer.lock ${told}`);
  });

  test("that touches a file which was not in conflict", async () => {
    const sides = { ...code, resolution: "a\nlanded\nmine\n" };
    expect(await problemsWith("x.js", sides, { "other.txt": "mine\n" })).toEqual([
      "other.txt was not in conflict",
    ]);
  });

  test("that drops a landed line behind a NUL of its own or of the change", async () => {
    const lost = "x.js has lost what landed before: landed";
    const resolution = "a\nmine // \0\n";
    const told = await problemsWith("x.js", { ...code, resolution });
    expect(told).toEqual(["x.js holds a NUL byte, which no side of it does", lost]);
    expect(await problemsWith("x.js", { ...code, theirs: resolution, resolution })).toEqual([lost]);
  });
});

describe("a resolution is let through", () => {
  test("that holds both sides", async () => {
    expect(await problemsWith("x.js", { ...code, resolution: "a\nlanded\nmine\n" })).toEqual([]);
  });

  test("whose lockfile was written anew, and whose pictures are no text", async () => {
    const sides = { base: "0\n", ours: "1\n", theirs: "2\n", resolution: "3\n" };
    expect(await problemsWith("composer.lock", sides)).toEqual([]);
    const pictures = { base: "\0a\n", ours: "\0b\n", theirs: "\0c\n", resolution: "\0c\n" };
    expect(await problemsWith("x.png", pictures)).toEqual([]);
  });
});
