import type { Attestor } from "@headrace/attest";
import type { Receipt } from "@headrace/domain";
import type { Forger } from "./forger.ts";
import { git, gitBytes } from "./git.ts";
import { changeReceipt, last, lastReceipt } from "./tampering.ts";

/**
 * What an owner of a key can make of a run's last landing so that all of its records agree: another tree, and whatever its
 * receipt is to say. Returns the landing.
 */
export const forgeLanding = (
  by: Forger,
  attestor: Attestor,
  forged: { files?: Readonly<Record<string, string>>; receipt?: (receipt: Receipt) => void },
): string => {
  const tip = git(by.repo, "rev-parse", by.branch);
  const tree = treeWith(by, tip, forged.files ?? {});
  const events = by.events();
  changeReceipt(events, (receipt) => {
    receipt.key.tree = tree;
    forged.receipt?.(receipt);
  });
  by.rewrite(events, attestor);
  // the landing names its envelope, which is there only now
  const { envelope = "" } = lastReceipt(by.events());
  const commit = by.commitLike(tip, (text) =>
    text.replace(/^tree .*$/m, `tree ${tree}`).replace(/sha256:\w+/, `sha256:${envelope}`),
  );
  git(by.repo, "update-ref", by.branch, commit);
  const told = JSON.stringify(by.events()).replaceAll(tip, commit);
  by.rewrite(JSON.parse(told), attestor);
  if (last(by.events(), "merge.landed").commit !== commit) throw new Error("nothing was forged");
  return commit;
};

/** The tree of a commit with these files at its root in the place of what was there. */
const treeWith = (by: Forger, commit: string, files: Readonly<Record<string, string>>): string => {
  const kept = git(by.repo, "ls-tree", commit)
    .split("\n")
    .filter((line) => files[line.split("\t")[1] ?? ""] === undefined);
  const fresh = Object.entries(files).map(([name, text]) => {
    const blob = gitBytes(by.repo, ["hash-object", "-w", "--stdin"], text).toString().trim();
    return `100644 blob ${blob}\t${name}`;
  });
  const entries = `${[...kept, ...fresh].join("\n")}\n`;
  return gitBytes(by.repo, ["mktree"], entries).toString().trim();
};
