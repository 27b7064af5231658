import { describe, expect, test } from "vitest";
import { collectGuidance, guidanceFor } from "./guidance.ts";
import { treeOf } from "./tree-fixture.ts";

const collected = async (files: Record<string, string>) =>
  (await collectGuidance(treeOf(files))).map(({ path, folder }) => [path, folder]);

describe("guidance", () => {
  test("is AGENTS.md, else CLAUDE.md, of the root and of folders, the root first", async () => {
    expect(
      await collected({
        "packages/b/CLAUDE.md": "b",
        "packages/a/AGENTS.md": "a",
        "packages/a/CLAUDE.md": "not this",
        "CLAUDE.md": "root",
        "docs/notes.md": "not this",
        "node_modules/x/AGENTS.md": "not this",
      }),
    ).toEqual([
      ["CLAUDE.md", ""],
      ["packages/a/AGENTS.md", "packages/a"],
      ["packages/b/CLAUDE.md", "packages/b"],
    ]);
  });

  test("follows a file that only imports another of the repository", async () => {
    const files = { "CLAUDE.md": "@docs/agents.md\n", "docs/agents.md": "the text" };
    expect(await collectGuidance(treeOf(files))).toEqual([
      { path: "docs/agents.md", folder: "", text: "the text" },
    ]);
  });

  test("does not follow an import out of the repository", async () => {
    expect(await collectGuidance(treeOf({ "CLAUDE.md": "@../../etc/passwd" }))).toEqual([
      { path: "CLAUDE.md", folder: "", text: "@../../etc/passwd" },
    ]);
  });

  test("does not follow symbolic links, and passes over empty files", async () => {
    const files = { "AGENTS.md": "-> CLAUDE.md", "CLAUDE.md": "root", "a/AGENTS.md": " \n" };
    expect(await collected(files)).toEqual([["CLAUDE.md", ""]]);
  });

  test("is cut to 8 KiB at the end of a line, and says so", async () => {
    const long = "A line of sixteen\n".repeat(1000);
    const [guidance] = await collectGuidance(treeOf({ "AGENTS.md": long }));
    const text = guidance?.text ?? "";
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8192);
    expect(text).toMatch(
      /A line of sixteen\n\n\(cut here: 18000 bytes, of which agents see 8192\)$/,
    );
  });

  test("of one endless line is cut between characters", async () => {
    const [guidance] = await collectGuidance(treeOf({ "AGENTS.md": "ä".repeat(9000) }));
    expect(guidance?.text).toMatch(/^ä+\n\n\(cut here/);
  });
});

test("a task gets the root's guidance and the nearest to its paths", () => {
  const all = ["", "packages", "packages/a", "packages/ab", "web"].map((folder) => ({
    path: `${folder}/AGENTS.md`,
    folder,
    text: "t",
  }));
  const folders = (...paths: string[]) => guidanceFor(all, paths).map((one) => one.folder);
  expect(folders()).toEqual([""]);
  expect(folders("packages/a/src/x.ts", "packages/b/y.ts")).toEqual(["", "packages", "packages/a"]);
  expect(folders("packages/abc/x.ts", "web")).toEqual(["", "packages", "web"]);
});
