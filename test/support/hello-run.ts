import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { commitFiles, type FileChange, git } from "./git.ts";
import { accepts, approves, type Conversation, codes, plans, task } from "./script.ts";
import type { Shell } from "./shell.ts";

export const HELLO = "hello to all of you\n";

const HELLO_SPEC = "# Hello\n\n## Acceptance criteria\n\n- hello.txt says hello.\n";

/** The smallest run: one task that writes hello.txt; `coder` may do it another way. */
export const helloScript = (
  coder: readonly Conversation[] = [codes("hello", { "hello.txt": HELLO })],
): Conversation[] => [
  plans({ summary: "One file.", tasks: [task("hello", { title: "Say hello" })] }),
  approves("plan"),
  ...coder,
  approves("hello"),
  accepts({ r1: { file: "hello.txt", quote: HELLO.trim() } }),
];

/** A repository `name` of one commit with a gate or other files, spec.md, and the script as `name`.yaml. */
export const prepareHello = async (
  shell: Shell,
  name: string,
  script: readonly Conversation[] = helloScript(),
  files: Readonly<Record<string, FileChange>> = {},
): Promise<{ repo: string; args: string[] }> => {
  const repo = join(shell.dir, name);
  await mkdir(repo);
  git(repo, "init", "--quiet", "--initial-branch=main");
  const gate = { name: "readme", run: "grep -q readme README.md" };
  await commitFiles(repo, {
    "README.md": "readme\n",
    "headrace.yaml": stringify({ gates: [gate] }),
    ...files,
  });
  await shell.file("spec.md", HELLO_SPEC);
  await shell.file(`${name}.yaml`, stringify({ conversations: script }));
  return { repo, args: ["run", "spec.md", "--repo", name, "--model", `script:${name}.yaml`] };
};
