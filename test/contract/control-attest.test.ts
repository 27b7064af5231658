import { dirname, join } from "node:path";
import { auditRun, readPublicKey } from "@headrace/attest";
import { type EventOf, isEnded, type RunState, type StoredEvent } from "@headrace/domain";
import { openRecordRepo } from "@headrace/repo";
import { expect, test } from "vitest";
import { played, playedLine } from "../support/played-line.ts";

const isOf =
  <T extends StoredEvent["type"]>(type: T) =>
  (event: StoredEvent): event is EventOf<T> =>
    event.type === type;

/** The statement in an envelope, unchecked. */
const statementIn = (bytes: Uint8Array | undefined) => {
  const { payload } = JSON.parse(new TextDecoder().decode(bytes));
  return JSON.parse(Buffer.from(payload, "base64").toString());
};

const isSigned = ({ run }: RunState): boolean => run.signed === run.seq;

test("every receipt is signed as it is recorded, with the log up to then, and the ended log as a whole", async () => {
  await using line = await playedLine();
  const run = await line.submit([played("a"), played("b", { blockedBy: ["a"] })]);
  await line.until(run, (state) => isEnded(state.run.status) && isSigned(state));
  const events = await line.events(run);
  const receipts = events.filter(isOf("receipt.recorded"));
  expect(receipts.length).toBeGreaterThan(2);
  for (const { envelope, receipt, seq, task } of receipts) {
    const { predicateType, subject, predicate } = statementIn(
      await line.store.getBlob(envelope ?? ""),
    );
    expect(predicateType).toBe("https://in-toto.io/attestation/test-result/v0.1");
    expect(subject[0].digest).toEqual({ gitTree: receipt.key.tree });
    expect(predicate).toMatchObject({ result: "PASSED", headrace: { run, receipt } });
    expect(predicate.headrace.task).toBe(task);
    const { log } = predicate.headrace;
    expect(log.seq).toBeLessThan(seq);
    expect(events[log.seq - 1]?.hash).toBe(log.hash);
  }
  const last = events.findLast(isOf("log.signed"));
  const before = events.at(-2);
  expect(last?.seq).toBe(events.length);
  expect(last?.head).toEqual({ seq: before?.seq, hash: before?.hash });
  const signed = statementIn(await line.store.getBlob(last?.envelope ?? ""));
  expect(signed.predicate).toEqual({ run, log: last?.head });
});

test("the log of a paused run is signed, and goes on behind the signature", async () => {
  await using line = await playedLine();
  const run = await line.submit([played("a")]);
  await line.until(run, ({ run: { seq } }) => seq >= 12);
  await line.commands().pause(run, "a moment");
  await line.until(run, isSigned);
  await line.commands().resume(run);
  const { run: row } = await line.until(run, (s) => isEnded(s.run.status) && isSigned(s));
  expect(row.status).toBe("complete");
  const signed = (await line.events(run)).filter(isOf("log.signed"));
  for (const { seq, head } of signed) expect(head.seq).toBe(seq - 1);
  expect(signed.length).toBeGreaterThan(1);
});

test("an audit finds nothing wrong with runs that were paused, cancelled, or outlived their factory", async () => {
  await using line = await playedLine();
  using git = openRecordRepo(line.bare);
  const key = await readPublicKey(join(dirname(line.bare), "keys"));
  const audit = async (run: string) =>
    auditRun({
      run,
      stored: await line.store.raw(run),
      blob: (id) => line.store.getBlob(id),
      git,
      key,
    });
  const tasks = () => [played("a"), played("b"), played("c", { blockedBy: ["a", "b"] })];
  for (let at = 8; at < 100; at += 16) {
    const run = await line.submit(tasks());
    await line.until(run, ({ run: { seq } }) => seq >= at);
    const disturb = [
      () => line.commands().cancel(run, "enough"),
      () => line.restart(),
      () =>
        line
          .commands()
          .pause(run, "a moment")
          .then(() => line.commands().resume(run)),
    ];
    await disturb[(at / 8) % 3]?.().catch(() => undefined);
    // at any moment between nothing is wrong, but that an end may not be signed yet
    const between = await audit(run);
    expect(between.violation?.reason ?? "are not signed").toContain("are not signed");
    await line.until(run, (state) => isEnded(state.run.status) && isSigned(state));
    await line.settled(run);
    const { ok, violation, notes } = await audit(run);
    expect(violation).toBeUndefined();
    expect(ok).toBe(true);
    expect(notes.filter((note) => !note.includes("prompt was not recorded"))).toEqual([]);
  }
});
