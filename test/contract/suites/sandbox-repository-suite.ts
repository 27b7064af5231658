import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commitFiles, git, gitBytes, packFrom, type TempDir, tempRepo } from "../../support/git.ts";
import {
  bytes,
  LABELS_OF_TEST,
  LIMITS,
  type MakeHarness,
  openPlain,
  PLAIN,
  plainImage,
  printed,
  type SandboxHarness,
} from "./sandbox-harness.ts";

const TREE = {
  "readme.md": "# hello\n",
  "src/a.ts": "export const a = 1;\n",
  "src/b.ts": "export const b = 2;\n",
  "bin/run": { run: "#!/bin/sh\necho ran\n" },
  "link.md": { link: "readme.md" },
  "image.bin": new Uint8Array([0, 255, 13, 10, 0, 7]),
  "crlf.txt": "one\r\ntwo\r\n",
  ".gitattributes": "*.txt text eol=lf\n*.md filter=evil\n*.ts ident\n",
  ".gitignore": "ignored/\n",
  "späte datei.txt": "x\n",
};

export const sandboxRepositorySuite = (make: MakeHarness) =>
  describe("checkout and snapshot", () => {
    let harness: SandboxHarness;
    let repo: TempDir;
    let base: string;
    let image: string;
    beforeAll(async () => {
      harness = await make();
      image = await plainImage(harness);
      repo = await tempRepo();
      await commitFiles(repo.path, { "old.txt": "history the agent need not see\n" });
      // raw content, whatever the attributes of the tree would make of it
      git(repo.path, "config", "filter.evil.clean", "cat");
      const attributes = "* -text -ident -filter\n";
      gitBytes(repo.path, ["init", "-q"]);
      await commitFiles(repo.path, { ".git/info/attributes": attributes });
      base = await commitFiles(repo.path, { ...TREE, "old.txt": null });
    });
    afterAll(async () => {
      await repo[Symbol.asyncDispose]();
      await harness[Symbol.asyncDispose]();
    });

    const filled = async (commit = base, boundary = `--shallow ${commit}`) => {
      const sandbox = await openPlain(harness, { image });
      await sandbox.checkout(packFrom(repo.path, boundary, commit), commit);
      return sandbox;
    };
    /** Takes a snapshot in; answers how it differs from `parent`. */
    const taken = async (sandbox: Awaited<ReturnType<typeof filled>>, parent = base) => {
      const { pack, commit } = await sandbox.snapshot(parent);
      gitBytes(repo.path, ["index-pack", "--stdin", "--strict"], pack);
      const changes = git(
        repo.path,
        "-c",
        "core.quotePath=off",
        "diff-tree",
        "-r",
        "--name-status",
        parent,
        commit,
      );
      return { commit, pack, changes: changes.split("\n").filter(Boolean) };
    };

    it("give the agent the tree as a clean repository of one commit", async () => {
      await using sandbox = await filled();
      expect(await printed(sandbox, "git status --porcelain && git log --format=%an:%s")).toBe(
        "Headrace:Start of the task",
      );
      expect(
        await printed(sandbox, "git rev-parse --abbrev-ref HEAD && ./bin/run && readlink link.md"),
      ).toBe("main\nran\nreadme.md");
      expect(await printed(sandbox, "od -An -tx1 crlf.txt | tr -d ' \\n'")).toBe(
        "6f6e650d0a74776f0d0a",
      );
    });

    it("answer an untouched workspace with the tree it was filled with", async () => {
      await using sandbox = await filled();
      const { commit, changes } = await taken(sandbox);
      expect(changes).toEqual([]);
      expect(git(repo.path, "rev-parse", `${commit}^{tree}`)).toBe(
        git(repo.path, "rev-parse", `${base}^{tree}`),
      );
      expect(git(repo.path, "rev-parse", `${commit}^`)).toBe(base);
    });

    it("carry additions, changes, modes, links, binaries and deletions, and nothing ignored", async () => {
      await using sandbox = await filled();
      await sandbox.write("src/a.ts", bytes("export const a = 10;\n"));
      await sandbox.write("new.bin", new Uint8Array([0, 1, 2, 255]));
      await printed(
        sandbox,
        "rm src/b.ts; chmod +x readme.md; ln -s /etc/hostname abs; mkdir -p ignored empty; echo x > ignored/x; rm link.md; echo now-a-file > link.md",
      );
      const { commit, changes } = await taken(sandbox);
      expect(changes).toEqual([
        "A\tabs",
        "T\tlink.md",
        "A\tnew.bin",
        "M\treadme.md",
        "M\tsrc/a.ts",
        "D\tsrc/b.ts",
      ]);
      const listed = git(repo.path, "ls-tree", commit, "abs", "new.bin", "readme.md", "link.md");
      expect(listed.split("\n").map((line) => line.slice(0, 6))).toEqual([
        "120000",
        "100644",
        "100644",
        "100755",
      ]);
      expect([...gitBytes(repo.path, ["show", `${commit}:new.bin`])]).toEqual([0, 1, 2, 255]);
    });

    it("send only what the parent lacks", async () => {
      await using sandbox = await filled();
      await sandbox.write("one.txt", bytes("one\n"));
      const { pack, commit } = await sandbox.snapshot(base);
      const objects = Buffer.from(pack).readUInt32BE(8);
      expect(objects).toBe(3);
      expect(commit).toMatch(/^[0-9a-f]{40}$/);
    });

    it("give equal commits for equal trees", async () => {
      await using one = await filled();
      await using two = await filled();
      for (const sandbox of [one, two]) await sandbox.write("same.txt", bytes("same\n"));
      expect((await one.snapshot(base)).commit).toBe((await two.snapshot(base)).commit);
    });

    it("follow the workspace from one snapshot to the next", async () => {
      await using sandbox = await filled();
      await sandbox.write("step.txt", bytes("1\n"));
      await sandbox.snapshot(base);
      await sandbox.write("step.txt", bytes("2\n"));
      const { commit, changes } = await taken(sandbox);
      expect(changes).toEqual(["A\tstep.txt"]);
      expect(git(repo.path, "show", `${commit}:step.txt`)).toBe("2");
    });

    it("start a resumed attempt from a snapshot, and answer on the original parent", async () => {
      await using first = await filled();
      await first.write("progress.txt", bytes("half\n"));
      const saved = await taken(first);
      await using second = await openPlain(harness, { image });
      await second.checkout(packFrom(repo.path, `--shallow ${base}`, saved.commit), saved.commit);
      expect(await printed(second, "cat progress.txt; git status --porcelain")).toBe("half");
      await second.write("done.txt", bytes("whole\n"));
      expect((await taken(second)).changes).toEqual(["A\tdone.txt", "A\tprogress.txt"]);
    });

    it("take the agent's commits in flat, and survive its deleting or poisoning the repository", async () => {
      await using sandbox = await filled();
      await printed(
        sandbox,
        "echo c > committed.txt; git add -A; git commit -qm mine; git config core.fsmonitor 'touch /tmp/pwned'",
      );
      await printed(
        sandbox,
        "git config filter.evil.clean 'sed s/hello/pwned/'; echo '* filter=evil' > .git/info/attributes",
      );
      expect((await taken(sandbox)).changes).toEqual(["A\tcommitted.txt"]);
      await printed(sandbox, "rm -rf .git; echo d > later.txt; ls /tmp/pwned 2>/dev/null || true");
      expect((await taken(sandbox)).changes).toEqual(["A\tcommitted.txt", "A\tlater.txt"]);
    });

    it("leave out what the environment put into the workspace, even unignored", async () => {
      const environment = await harness.sandboxes.environment(
        {
          ...PLAIN,
          setup: [
            "mkdir -p vendor/lib src/generated && echo v > vendor/lib/v.js && echo g > src/generated/g.ts",
            "echo made > 'a [odd] name' && echo from-setup > readme.md",
          ],
        },
        {},
      );
      harness.discardLater(environment.image);
      await using sandbox = await harness.sandboxes.open({
        image: environment.image,
        limits: LIMITS,
        env: {},
        labels: LABELS_OF_TEST,
      });
      await sandbox.checkout(packFrom(repo.path, `--shallow ${base}`, base), base);
      expect(await printed(sandbox, "cat vendor/lib/v.js readme.md; git status --porcelain")).toBe(
        "v\n# hello",
      );
      await sandbox.write("src/mine.ts", bytes("export const mine = 3;\n"));
      await sandbox.write("vendor/lib/other.js", bytes("installed later\n"));
      expect((await taken(sandbox)).changes).toEqual(["A\tsrc/mine.ts"]);
    });

    it("tell what to mend when the workspace cannot be a tree", async () => {
      await using sandbox = await filled();
      await printed(sandbox, "git init -q nested && touch nested/file");
      await expect(sandbox.snapshot(base)).rejects.toThrow(/nested/);
      await printed(sandbox, "rm -rf nested");
      expect((await taken(sandbox)).changes).toEqual([]);
    });
  });
