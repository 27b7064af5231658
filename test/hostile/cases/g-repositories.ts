import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { commitFiles, git, tempRepo } from "../../support/git.ts";
import { type HostileCase, hostile, refusal, type Verdict } from "../case.ts";
import type { Stage } from "../stage.ts";

/** A user's repository in an odd state is read without harm, or refused with what to do. */
const odd = (
  id: string,
  title: string,
  verdict: Verdict,
  arrange: (dir: string, stage: Stage) => unknown,
): HostileCase =>
  hostile({
    id,
    title,
    verdict,
    async build(stage) {
      const repo = await tempRepo();
      await commitFiles(repo.path, { "a.txt": "a\n" });
      await arrange(repo.path, stage);
      return repo;
    },
    async run(made, stage) {
      await using repo = made;
      const work = (await stage.host()).userRepository(repo.path);
      // awaited here: the repository goes with this function
      if (verdict === "refused") return await refusal(work);
      await work;
      expect(await stage.tripwires.sprung()).toEqual([]);
      return verdict;
    },
  });

const nested = async (dir: string, { tripwires }: Stage, name: string) => {
  git(dir, "init", "--quiet", name);
  const config = `[core]\n\tfsmonitor = ${tripwires.payload} nested\n\tbare = false\n`;
  await writeFile(join(dir, name, ".git/config"), config);
};

export const GIT_REPOSITORIES: readonly HostileCase[] = [
  odd("G38", "a nested repository with a configuration of its own", "contained", (dir, stage) =>
    nested(dir, stage, "inner"),
  ),
  odd("G39", "a bare repository embedded at the root", "contained", async (dir, { tripwires }) => {
    const config = `[core]\n\tbare = true\n\tfsmonitor = ${tripwires.payload} embedded\n`;
    await commitFiles(dir, {
      HEAD: "ref: refs/heads/main\n",
      config,
      "objects/x": "",
      "refs/x": "",
      "hooks/post-checkout": { run: `#!/bin/sh\n${tripwires.payload} embedded\n` },
    });
  }),
  odd("G41", "alternates that point to a host repository", "contained", async (dir, stage) => {
    const { path } = await stage.base();
    await writeFile(join(dir, ".git/objects/info/alternates"), `${path}/.git/objects\n`);
  }),
  odd("G42", "packed-refs with a name that climbs", "contained", async (dir) => {
    const head = git(dir, "rev-parse", "HEAD");
    const text = `# pack-refs with: peeled fully-peeled sorted \n${head} refs/heads/../../x\n`;
    await writeFile(join(dir, ".git/packed-refs"), text);
  }),
  odd("G43", "replace refs and grafts", "contained", async (dir) => {
    const head = git(dir, "rev-parse", "HEAD");
    const other = await commitFiles(dir, { "b.txt": "b\n" });
    git(dir, "replace", other, head);
    await mkdir(join(dir, ".git/info"), { recursive: true });
    await writeFile(join(dir, ".git/info/grafts"), `${other} ${head} ${head}\n`);
  }),
  odd("G44", "a shallow file of nonsense", "refused", (dir) =>
    writeFile(join(dir, ".git/shallow"), "nonsense\n"),
  ),
  odd("G50", "an annotated tag named like the branch", "contained", (dir) =>
    git(dir, "tag", "--annotate", "--message", "x", "main"),
  ),
  odd("G53", "a .lfsconfig with a url", "contained", (dir) =>
    commitFiles(dir, {
      ".lfsconfig": "[lfs]\n\turl = http://127.0.0.1:1/x\n",
      ".gitattributes": "*.txt filter=lfs diff=lfs merge=lfs -text\n",
    }),
  ),
  odd("G54", "a .mailmap that renames everybody", "harmless", (dir) =>
    commitFiles(dir, { ".mailmap": "Mallory <m@evil> <ada@example.com>\n" }),
  ),
  odd("G55", "an index that is a link to a host file", "contained", async (dir, { tripwires }) => {
    git(dir, "rm", "--quiet", "--cached", "-r", ".");
    await symlink(tripwires.treasure.path, join(dir, ".git/index.lock"));
  }),
];
