import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { collectGuidance, detect, readConfig, treeAt } from "@headrace/intake";
import { openFactoryRepo, openSourceRepo } from "@headrace/repo";

/**
 * The part of the factory that touches repositories, in a process of its own whose children can be watched. Each
 * message is one job, each answer what it came to.
 */
export type HostJob =
  | { do: "user-repository"; dir: string; data: string }
  | { do: "take-in"; data: string; pack: string; commit: string; base?: string };
export type HostAnswer = { id: number; ok: boolean; name: string; message: string };

const REF = "refs/heads/headrace/hostile/integration";
const at = new Date(0);

/** Everything a run does with the user's repository, from submit to export. */
const userRepository = async ({ dir, data }: { dir: string; data: string }): Promise<string> => {
  const source = await openSourceRepo({ path: dir });
  const { head } = await source.inspect();
  await source.readRef("refs/heads/main");
  const entries = await source.list(head);
  for (const { path } of entries.slice(0, 20)) await source.read(head, path);
  const tree = treeAt(source, head);
  const notes: string[] = [];
  // a configuration that is refused is told by its message; the repository is still packed
  await readConfig(tree).catch((error: Error) => notes.push(error.message));
  await detect(tree);
  await collectGuidance(tree);
  await using factory = await openFactoryRepo({ dir: join(data, "factory.git") });
  await factory.putPack(await source.pack(head), head, { boundary: true });
  const made = await build(factory, head);
  const pack = await factory.getPack(made, [head]);
  const expected = await source.readRef(REF);
  for (const answer of await source.export(pack, [{ ref: REF, to: made, expected }]))
    if (!answer.ok) notes.push(answer.reason ?? "not exported");
  return notes.join("\n");
};

type Factory = Awaited<ReturnType<typeof openFactoryRepo>>;

/** What the factory makes of a commit it holds: a tar, diffs, merges and a landing. */
const build = async (factory: Factory, commit: string): Promise<string> => {
  await factory.tar(commit, { uid: 1 });
  await factory.list(commit);
  const tree = await factory.treeOf(commit);
  const left = await factory.commit({ tree, parents: [commit], message: "left", at });
  const right = await factory.commit({ tree, parents: [commit], message: "right", at });
  const merged = await factory.merge(left, right);
  const landing = { tree: merged.tree, parents: [left, right], message: "landing", at };
  const made = await factory.commit(landing);
  await factory.diff(commit, made, 100_000);
  await factory.diffStat(commit, made);
  await factory.landings(made, commit);
  return made;
};

/** An agent's pack, as it comes from a sandbox; without a base it is a base. */
const takeIn = async (job: Extract<HostJob, { do: "take-in" }>): Promise<string> => {
  await using factory = await openFactoryRepo({ dir: join(job.data, "factory.git") });
  const { base, commit } = job;
  await factory.putPack(await readFile(job.pack), commit, { boundary: base === undefined });
  if (base !== undefined) {
    await factory.diff(base, commit, 100_000);
    await factory.diffStat(base, commit);
  }
  await build(factory, commit);
  return "";
};

const perform = (job: HostJob): Promise<string> =>
  job.do === "user-repository" ? userRepository(job) : takeIn(job);

process.on("message", ({ id, job }: { id: number; job: HostJob }) => {
  const answer = (ok: boolean, name: string, message: string) =>
    process.send?.({ id, ok, name, message } satisfies HostAnswer);
  perform(job).then(
    (notes) => answer(true, "", notes),
    (error: Error) => answer(false, error.name, error.message),
  );
});
process.on("disconnect", () => process.exit(0));
