import {
  type AnsweredCall,
  classifyCalls,
  type FactoryRepo,
  formatCostTrailer,
  formatReceiptTrailer,
  gatesFor,
  integrationBranch,
  isGreen,
  isRunning,
  isSimulated,
  type NewEvent,
  permitsOf,
  type Receipt,
  type RecordedReceipt,
  RefMovedError,
  type RunState,
  type StackedMember,
  type StepInputOf,
  spentCalls,
  type TaskRow,
  TRAILERS,
} from "@headrace/domain";
import { receiptKeysEqual } from "@headrace/verify";
import { commitMessage } from "./commit-message.ts";
import {
  type Done,
  NotNowError,
  stableTime,
  taskRowOf,
  tipRef,
  type Work,
} from "./control-work.ts";
import { unionOf } from "./merge-by-rule.ts";
import { stateOf } from "./options.ts";
import { answeredCalls, sharesOf } from "./spent.ts";

type LandInput = StepInputOf<"land">;
type Landing = StackedMember & { commit: string };

/** Logs from before batches name one change and leave its task to the step. */
const membersOf = ({ row }: Work, input: LandInput): StackedMember[] => {
  const { members, change = "", merged = "" } = input;
  return members ?? [{ task: row.task ?? "", attempt: row.attempt ?? 1, change, merged }];
};

/** Refuses to land anything but a tree with a green receipt of its own, made on exactly this tip, of all its gates. */
const requireReceipt = async (
  { repo, state }: Work,
  input: LandInput,
  members: readonly StackedMember[],
): Promise<RecordedReceipt> => {
  const receipt = state.receipts[input.receipt];
  if (receipt === undefined || !isGreen(receipt))
    throw new Error(`receipt ${input.receipt} is not green`);
  const tasks = members.map(({ task }) => task);
  const wanted: Receipt["key"] = {
    tree: await repo.treeOf(members.at(-1)?.merged ?? ""),
    landingBaseTree: await repo.treeOf(input.tip),
    policy: state.run.policyHash ?? "",
    image: receipt.key.image,
    permits: permitsOf(state, tasks),
    gates: gatesFor(state, tasks, input.tip),
  };
  if (!receiptKeysEqual(receipt.key, wanted))
    throw new Error(
      `receipt ${receipt.id} is of ${JSON.stringify(receipt.key)}, not of ${JSON.stringify(wanted)}`,
    );
  return receipt;
};

/** A landing that is not what it says stops the run: nothing is repaired in silence. */
const requireProof = async (
  repo: FactoryRepo,
  landings: readonly Landing[],
  input: LandInput,
): Promise<void> => {
  let before = input.tip;
  for (const { commit, change, task, merged, united } of landings) {
    const parents = await repo.parentsOf(commit);
    if (parents.join() !== [before, change].join())
      throw new Error(`landing ${commit} of ${task} has the parents ${parents.join(" and ")}`);
    if ((await repo.treeOf(commit)) !== (await repo.treeOf(merged)))
      throw new Error(`landing ${commit} of ${task} is not the tree that was stacked`);
    const lists = united ?? [];
    await requireUnion(repo, { ours: before, theirs: change, landed: commit, lists });
    const except = [...(input.resolved ?? []), ...lists];
    const unproven = await repo.unproven({ before, change, landed: commit, except });
    if (unproven.length > 0)
      throw new Error(
        `landing ${commit} of ${task} does not hold both its change and what stood before: ${unproven.slice(0, 20).join(", ")}`,
      );
    before = commit;
  }
};

/** A list that a rule joined is what the rule makes of the two sides now. */
const requireUnion = async (
  repo: FactoryRepo,
  at: { ours: string; theirs: string; landed: string; lists: readonly string[] },
): Promise<void> => {
  for (const path of at.lists) {
    const text = await unionOf(repo, { ours: at.ours, theirs: at.theirs, path });
    const bytes = await repo.read(at.landed, path);
    if (text === undefined || bytes === undefined || !Buffer.from(text).equals(bytes))
      throw new Error(`landing ${at.landed}: ${path} does not hold both sides' lines`);
  }
};

/** The branch's own history says what has landed: a crash after the move is found here (I3). */
const landedAlready = async (
  { repo, state }: Work,
  members: readonly StackedMember[],
): Promise<Landing[]> => {
  const history = await repo.landings(tipRef(state), state.run.base);
  const found = members.flatMap((member) => {
    const trailer = `${TRAILERS.task}: ${member.task}`;
    const landing = history.find(
      (l) => l.parents[1] === member.change && l.message.split("\n").includes(trailer),
    );
    return landing === undefined ? [] : [{ ...member, commit: landing.commit }];
  });
  if (found.length > 0 && found.length < members.length)
    throw new Error(`of one batch only ${found.map((l) => l.task).join(", ")} stands in history`);
  return found;
};

const partOf = (members: readonly unknown[], i: number) =>
  members.length === 1 ? {} : { part: { index: i + 1, of: members.length } };

const landedAs = (work: Work, landings: readonly Landing[], input: LandInput): Done => ({
  result: { kind: "land", land: { outcome: "landed", commit: landings.at(-1)?.commit ?? "" } },
  events: landings.map(
    ({ task, attempt, change, commit }, i): NewEvent => ({
      type: "merge.landed",
      commit,
      change,
      receipt: input.receipt,
      branch: integrationBranch(work.state.run.id),
      ...partOf(landings, i),
      task,
      attempt,
    }),
  ),
});

/**
 * What a task has cost, as it is booked once it has landed with this tree on `before`. The landing's own name is not
 * known before its message, and no part of the figures.
 */
const costOf = async (
  { context: { prices }, repo, state }: Work,
  { task, attempt, merged }: StackedMember,
  { before, all }: { before: string; all: readonly AnsweredCall[] },
): Promise<string> => {
  const row = taskRowOf(state, task);
  const landing = { commit: merged, receipt: "", seq: state.run.seq };
  const landed = { ...row, status: "landed" as const, queuedAttempt: attempt, landing };
  const then = { ...state, tasks: { ...state.tasks, [task]: landed } };
  const calls = all.filter((call) => call.task === task);
  const shares = new Map([[task, await sharesOf(repo, then, row, { before, landed: merged })]]);
  const classed = classifyCalls({ state: then, calls, shares, prices });
  const cost = formatCostTrailer(spentCalls({ state: then, calls, classed }));
  // the commit outlives everything else that could say so
  return isSimulated(then.run) ? `${cost} (simulated: no model was called)` : cost;
};

/** The stack again, with the trailers that stand for good. */
const build = async (
  work: Work,
  members: readonly StackedMember[],
  at: { tip: string; receipt: RecordedReceipt },
): Promise<Landing[]> => {
  const { context, repo, state, row } = work;
  const all = await answeredCalls(context.store, state.run.id);
  const landings: Landing[] = [];
  for (const [i, member] of members.entries()) {
    const { id: receipt, envelope } = at.receipt;
    const inner = i < members.length - 1;
    const trailer = formatReceiptTrailer({
      ...{ receipt, envelope },
      ...(inner ? { part: { index: i + 1, of: members.length } } : {}),
    });
    const before = landings.at(-1)?.commit ?? at.tip;
    const cost = await costOf(work, member, { before, all });
    const commit = await repo.commit({
      tree: await repo.treeOf(member.merged),
      parents: [before, member.change],
      message: landingMessage(state, taskRowOf(state, member.task), { receipt: trailer, cost }),
      at: stableTime(row),
    });
    landings.push({ ...member, commit });
  }
  return landings;
};

/**
 * Moves the integration branch by one compare-and-swap onto the landings of a stack, or finds that they stand there
 * already. What each landing holds is proven before the move, and again from the branch.
 */
export const landMembers = async (work: Work, input: LandInput): Promise<Done> => {
  const { repo, state, context } = work;
  const ref = tipRef(state);
  const members = membersOf(work, input);
  const already = await landedAlready(work, members);
  if (already.length > 0) {
    await requireProof(repo, already, input);
    return landedAs(work, already, input);
  }
  const moved = (tip: string): Done => ({
    result: { kind: "land", land: { outcome: "moved", tip } },
  });
  const tip = (await repo.readRef(ref)) ?? state.run.base;
  if (tip !== input.tip) return moved(tip);
  const receipt = await requireReceipt(work, input, members);
  const landings = await build(work, members, { tip, receipt });
  await requireProof(repo, landings, input);
  const { status } = (await stateOf(context.store, state.run.id)).run;
  if (!isRunning(status)) throw new NotNowError(`the run is ${status}`);
  try {
    await repo.moveRef(ref, landings.at(-1)?.commit ?? "", tip);
  } catch (cause) {
    if (!(cause instanceof RefMovedError)) throw cause;
    return moved(cause.actual ?? tip);
  }
  const standing = await landedAlready(work, members);
  if (standing.length === 0) throw new Error(`${ref} was moved and does not hold the landings`);
  await requireProof(repo, standing, input);
  return landedAs(work, standing, input);
};

const landingMessage = (
  state: RunState,
  row: TaskRow,
  { receipt, cost }: { receipt: string; cost: string },
): string =>
  commitMessage({
    subject: `Land ${row.id}: ${row.task.title}`,
    trailers: [
      [TRAILERS.run, state.run.id],
      [TRAILERS.task, row.id],
      [TRAILERS.requirement, row.task.requirements.join(", ") || "none"],
      [TRAILERS.receipt, receipt],
      [TRAILERS.model, row.models.join(", ") || "none"],
      [TRAILERS.cost, cost],
    ],
  });
