import { readPublicKey, readSignedLanding, type SignedLanding, Violation } from "@headrace/attest";
import { plainLine, TestOutcomes } from "@headrace/domain";
import { compareReceipts } from "@headrace/verify";
import { baselineFor } from "@headrace/workflows";
import { type DataDir, dataDir } from "../data-dir.ts";
import { findLanding } from "../factory/find-landing.ts";
import {
  landedRunIn,
  landedRuns,
  openArchivedRecords,
  openRunRecords,
  type RunRecords,
} from "../factory/run-records.ts";
import { scratchData } from "../factory/scratch-data.ts";
import { lentToStranger } from "../factory/strangers-archive.ts";
import { type AnswerApart, verifyApart } from "../factory/verify-apart.ts";
import { type Installation, readInstallation } from "../user-config.ts";
import {
  comparisonLines,
  flakyLines,
  imageLine,
  notRunAgainLine,
  short,
} from "../view/verification-lines.ts";
import { flag, text, type VerbAction, type World } from "../world.ts";

/** Runs the gates of a landing again, from its commit, and compares; 1 where anything is not as its receipt says. */
export const verify: VerbAction = async (world, [target = ""], options) => {
  const data = dataDir(text(options, "data"), world.env);
  const [from, key] = [text(options, "from"), text(options, "key")];
  const say = flag(options, "json") ? () => undefined : world.out;
  await using closing = new AsyncDisposableStack();
  const { records, commit } = await recordsOf(data, target, { from, key });
  closing.use(records);
  try {
    const landing = await readSignedLanding(records, commit);
    for (const line of landingLines(landing, from)) say(line);
    const place = from === undefined ? data : closing.use(await scratchData(data));
    const installed = await readInstallation({ env: world.env, dataDir: place.root });
    const named = from === undefined || key !== undefined || (await isOwn(data, landing));
    const installation = named ? installed : lentToStranger(installed, landing);
    const answer = await runAgain(world, { place, installation, records, landing, say });
    const report = await compared(landing, answer);
    if (flag(options, "json")) world.out(JSON.stringify(reportOf(landing, report)));
    else for (const line of reportLines(landing, report)) world.out(line);
    return report.agrees ? 0 : 1;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const { object, reason } = error;
    const violation = { object, reason };
    world.out(
      flag(options, "json")
        ? JSON.stringify({ run: records.run, agrees: false, violation })
        : `run ${records.run}: ${plainLine(object, 500)}: ${plainLine(reason, 1000)}`,
    );
    return 1;
  }
};

const recordsOf = async (
  data: DataDir,
  target: string,
  { from, key }: { from: string | undefined; key: string | undefined },
): Promise<{ records: RunRecords; commit: string | undefined }> => {
  if (from === undefined) {
    const { run, commit } = findLanding(await landedRuns(data), target);
    return { records: await openRunRecords(data, run, key), commit };
  }
  const records = await openArchivedRecords(from, undefined, key);
  try {
    return { records, commit: findLanding([landedRunIn(records)], target).commit };
  } catch (error) {
    await records[Symbol.asyncDispose]();
    throw error;
  }
};

const landingLines = (landing: SignedLanding, from: string | undefined): string[] => {
  const { state, asked, commit, base, receipt, key } = landing;
  const { part } = asked;
  const whole =
    part === undefined
      ? []
      : [
          `  it is ${part.index} of ${part.of} landings that were verified together and is not claimed to be green alone: the last, ${short(commit)}, is verified`,
        ];
  return [
    `run ${state.run.id}: landing ${short(asked.commit)} of task ${asked.task}`,
    ...whole,
    `  tree ${short(receipt.key.tree)} onto ${short(base)}, by receipt ${receipt.id} of ${receipt.at}`,
    `  signed by key ${key}${from === undefined ? "" : " (--key FILE shows whether it is whom you expect)"}`,
    `  policy ${short(receipt.key.policy)} as it was frozen, gates ${receipt.key.gates.join(", ")}`,
  ];
};

/** Signed by this installation: what the run was allowed, it was allowed here. */
const isOwn = async (data: DataDir, { key }: SignedLanding): Promise<boolean> =>
  (await readPublicKey(data.keys))?.id === key;

const runAgain = async (
  world: World,
  from: {
    place: DataDir;
    installation: Installation;
    records: RunRecords;
    landing: SignedLanding;
    say(line: string): void;
  },
): Promise<AnswerApart> => {
  const { place: data, installation, records, landing, say } = from;
  const { state, receipt, policy, commit, base } = landing;
  const { key } = receipt;
  const baseline = baselineFor(state, base);
  // what was edited is told before anything is built
  await Promise.all(baseline.map(({ tests }) => landing.blob(tests.list)));
  return verifyApart(
    {
      ...{ installation, data, env: world.env, signal: world.interrupt },
      onLine: (line) => say(`  ${plainLine(line)}`),
      onWarning: world.err,
    },
    {
      run: state.run.id,
      base: state.run.base,
      policy,
      policyHash: key.policy,
      asked: {
        ...{ commit, landingBase: base, gates: key.gates, permits: key.permits, baseline },
        // as a factory does: what is red once may be chance
        twice: true,
      },
      pack: (one) => records.git.pack(one),
      blob: (id) => landing.blob(id),
    },
  );
};

type Report = { answer: AnswerApart; agrees: boolean; gates: Gates };
type Gates = Awaited<ReturnType<typeof compareReceipts>>;

const compared = async ({ receipt }: SignedLanding, answer: AnswerApart): Promise<Report> => {
  if (answer.outcome === "none") return { answer, agrees: false, gates: [] };
  const gates = await compareReceipts(receipt, answer.receipt, async (list) => {
    const bytes = await answer.blob(list);
    return TestOutcomes.parse(JSON.parse(new TextDecoder().decode(bytes)));
  });
  return { answer, agrees: gates.every(({ equal }) => equal), gates };
};

const reportOf = (landing: SignedLanding, { answer, agrees, gates }: Report) => {
  const { state, asked, commit, base, receipt, key } = landing;
  const common = {
    run: state.run.id,
    landing: asked,
    commit,
    base,
    receipt: receipt.id,
    key,
    agrees,
  };
  if (answer.outcome === "none") return { ...common, failed: answer.reason };
  return {
    ...common,
    tree: receipt.key.tree,
    policy: receipt.key.policy,
    image: { receipt: receipt.key.image, now: answer.receipt.key.image, kept: answer.imageKept },
    gates,
  };
};

const reportLines = ({ receipt }: SignedLanding, { answer, agrees, gates }: Report): string[] => {
  if (answer.outcome === "none")
    return [`the gates could not be run, so nothing is shown: ${plainLine(answer.reason, 1000)}`];
  return [
    imageLine(receipt.key.image, answer.receipt.key.image, answer.imageKept),
    ...comparisonLines(gates),
    ...flakyLines(answer.first),
    ...notRunAgainLine(receipt),
    agrees
      ? `receipt ${receipt.id} is what its gates say now`
      : `receipt ${receipt.id} is NOT what its gates say now`,
  ];
};
