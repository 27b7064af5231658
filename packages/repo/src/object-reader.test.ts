import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InfrastructureError } from "@headrace/domain";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Git, GitError, gitAt } from "./git.ts";
import { type ObjectReader, openObjects } from "./object-reader.ts";

let dir: string;
let git: Git;
let objects: ObjectReader;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "headrace-objects-"));
  git = gitAt({ gitDir: dir });
  await git.run(["init", "--quiet", "--bare", "--template="]);
  objects = openObjects(git);
});
afterEach(() => {
  objects[Symbol.dispose]();
  rmSync(dir, { recursive: true, force: true });
});

const write = async (bytes: Uint8Array | string): Promise<string> => {
  const { stdout } = await git.run(["hash-object", "-w", "--stdin"], { stdin: bytes });
  return stdout.toString("utf8").trim();
};
const ABSENT = "1".repeat(40);

test("objects of any bytes and size come back as they are, in the order asked for", async () => {
  const contents = [
    Buffer.from("one\n\nmissing\n"),
    Buffer.alloc(0),
    Buffer.alloc(3_000_000, "a\0\n"),
  ];
  const ids = await Promise.all(contents.map(write));
  expect(await objects.contents(ids, "blob", 4_000_000)).toEqual(contents);
  expect(await objects.info([ids[2] ?? "", ABSENT])).toEqual([
    { type: "blob", size: 3_000_000 },
    undefined,
  ]);
});

test("questions asked at once are each answered with their own", async () => {
  const ids = await Promise.all(["a", "bb", "ccc"].map(write));
  const answers = await Promise.all(ids.map((id) => objects.contents([id], "blob", 10)));
  expect(answers.flat().map(String)).toEqual(["a", "bb", "ccc"]);
});

test("what others add later is seen", async () => {
  expect(await objects.info([ABSENT])).toEqual([undefined]);
  const id = await write("later");
  expect(await objects.info([id])).toEqual([{ type: "blob", size: 5 }]);
});

test("a missing object, one of another type and too many bytes are errors, and the next question is answered", async () => {
  const id = await write("text");
  await expect(objects.contents([ABSENT], "blob", 10)).rejects.toBeInstanceOf(GitError);
  await expect(objects.contents([id], "tree", 10)).rejects.toThrow(`${id} is blob`);
  await expect(objects.contents([id], "blob", 3)).rejects.toBeInstanceOf(InfrastructureError);
  expect(String(await objects.contents([id], "blob", 4))).toBe("text");
});

test("an object that goes between two questions is an error, not an empty one", async () => {
  const id = await write("text");
  const start: Git["start"] = (args) => {
    const child = git.start(args);
    const write = child.stdin.write.bind(child.stdin);
    Object.assign(child.stdin, {
      write(question: string) {
        if (question.startsWith("contents")) rmSync(join(dir, "objects"), { recursive: true });
        return write(question);
      },
    });
    return child;
  };
  using reader = openObjects({ ...git, start });
  await expect(reader.contents([id], "blob", 10)).rejects.toThrow(`${id} is missing`);
});

test("only object ids are asked for: no name, path or second command", async () => {
  for (const name of ["HEAD", `${ABSENT}:path`, `${ABSENT}\ninfo ${ABSENT}`])
    await expect(objects.info([name])).rejects.toThrow();
});

test("a process that ended is replaced by the next question", async () => {
  const id = await write("text");
  await objects.info([id]);
  objects[Symbol.dispose]();
  await expect
    .poll(() => objects.info([id]).catch(() => undefined))
    .toEqual([{ type: "blob", size: 4 }]);
});
