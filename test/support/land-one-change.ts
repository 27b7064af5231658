import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openFactoryRepo } from "../../packages/repo/src/index.ts";

/** A program for strace: lands one commit in the repository at argv[2] and makes a directory when that resolved. */
const [dir = "", base = ""] = process.argv.slice(2);
const repo = await openFactoryRepo({ dir });
const tree = await repo.treeOf(base);
const parents = [base];
const commit = await repo.commit({ tree, parents, message: "land", at: new Date(0) });
mkdirSync(join(dir, "committed"));
await repo.moveRef("refs/heads/headrace/r1/integration", commit, undefined);
mkdirSync(join(dir, "landed"));
