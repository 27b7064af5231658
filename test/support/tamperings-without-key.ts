import { cp } from "node:fs/promises";
import { join } from "node:path";
import { createAttestor, openSigningKey } from "@headrace/attest";
import { git } from "./git.ts";
import {
  changeReceipt,
  isOf,
  last,
  lastReceipt,
  type Tampering,
  type Written,
} from "./tampering.ts";

/** By somebody who knows how everything is made, and has no key. */
export const WITHOUT_KEY: Tampering[] = [
  [
    "an event edited",
    (by) => by.sql(`UPDATE events SET body = replace(body, '"at":"20', '"at":"19') WHERE seq = 60`),
    /^event 60 /,
  ],
  ["an event removed", (by) => by.sql("DELETE FROM events WHERE seq = 50"), /^event 50 /],
  [
    "two events that changed places",
    (by) => {
      by.sql("UPDATE events SET seq = 100000 WHERE seq = 40");
      by.sql("UPDATE events SET seq = 40 WHERE seq = 41");
      by.sql("UPDATE events SET seq = 41 WHERE seq = 100000");
    },
    /^event 40 /,
  ],
  [
    "the end of the log cut off",
    (by) => by.sql("DELETE FROM events WHERE seq >= (SELECT max(seq) - 1 FROM events)"),
    /^event \d+ of run \S+$/,
  ],
  [
    "the last signature cut off, and the run's row moved back",
    (by) => by.rewrite(by.events().slice(0, -1)),
    /^events \d+ to \d+ /,
  ],
  [
    "an event edited, and every later hash and row made anew",
    (by) => {
      const events = by.events();
      last(events, "model.called").durationMs += 1;
      by.rewrite(events);
    },
    /^events \d+ to \d+ /,
  ],
  [
    "an event put in between, and every hash made anew",
    (by) => {
      const events = by.events();
      const note = { type: "note.added", level: "info", text: "all is well" };
      by.rewrite([
        ...events.slice(0, 30),
        { ...events[30], ...note } as Written,
        ...events.slice(30),
      ]);
    },
    /^events \d+ to \d+ |^receipt /,
  ],
  [
    "a receipt edited, and every hash made anew",
    (by) => {
      const events = by.events();
      changeReceipt(events, (receipt) => {
        for (const result of receipt.results) result.durationMs = 1;
      });
      by.rewrite(events);
    },
    /^receipt \w+$/,
  ],
  [
    "a verdict flipped, and every hash made anew",
    (by) => {
      const events = by.events();
      const red = events
        .filter(isOf("receipt.recorded"))
        .find((e) => e.receipt.results.some((r) => r.verdict === "fail"));
      for (const result of red?.receipt.results ?? []) result.verdict = "pass";
      by.rewrite(events);
    },
    /^receipt \w+$/,
  ],
  [
    "a verdict flipped in its row alone",
    (by) =>
      by.sql(
        `UPDATE rows SET body = replace(body, '"verdict":"fail"', '"verdict":"pass"')
         WHERE kind = 'receipts' AND body LIKE '%"verdict":"fail"%'`,
      ),
    /^row receipts\/\w+ /,
  ],
  [
    "the envelope of another receipt put in an envelope's place",
    (by) => {
      const events = by.events();
      const [first] = events.filter(isOf("receipt.recorded"));
      const of = lastReceipt(events);
      if (first?.envelope !== undefined) of.envelope = first.envelope;
      by.rewrite(events);
    },
    /^receipt \w+$/,
  ],
  [
    "an envelope edited in its place",
    (by) => {
      const { envelope = "" } = lastReceipt(by.events());
      const bytes = Buffer.from(by.blob(envelope)).toString().replace('"sig":"', '"sig":"AAAA');
      by.sql("UPDATE blobs SET bytes = ? WHERE id = ?", Buffer.from(bytes), envelope);
    },
    /^envelope \w+ of receipt \w+$/,
  ],
  [
    "all signed anew with another key",
    async (by) => {
      const other = createAttestor(await openSigningKey(join(by.data, "others")));
      by.rewrite(by.events(), other);
    },
    /^envelope \w+ of receipt \w+$/,
  ],
  [
    "another public key beside the store",
    async (by) => {
      await openSigningKey(join(by.data, "others"));
      const [from, to] = ["others", "keys"].map((dir) => join(by.data, dir, "signing.pub.pem"));
      await cp(from ?? "", to ?? "");
    },
    /^envelope \w+ of receipt \w+$/,
  ],
  [
    "the log of a gate edited",
    (by) => {
      const [result] = lastReceipt(by.events()).receipt.results;
      by.sql("UPDATE blobs SET bytes = ? WHERE id = ?", Buffer.from("ok"), result?.log ?? "");
    },
    /^blob \w+ \(log of gate \w+ in receipt \w+\)$/,
  ],
  [
    "a policy without gates in the frozen one's place",
    (by) => {
      const { policyHash, policy } = last(by.events(), "plan.accepted");
      const bytes = Buffer.from(JSON.stringify({ ...policy, gates: [] }));
      by.sql("UPDATE blobs SET bytes = ? WHERE id = ?", bytes, policyHash);
    },
    /^blob \w+ \(policy of plan 1\)$/,
  ],
  [
    "a call in the ledger made cheaper",
    (by) => by.sql("UPDATE calls SET cost = cost - 1 WHERE ordinal = 3"),
    /^call \w+ of step /,
  ],
  [
    "an entry of the ledger made cheaper, with the call and the accounts that it adds up to",
    (by) => {
      by.sql(
        "UPDATE ledger SET amount = amount - 1 WHERE kind = 'settle' AND call = (SELECT id FROM calls WHERE cost > 0 LIMIT 1)",
      );
      by.sql(
        "UPDATE calls SET cost = cost - 1 WHERE id = (SELECT id FROM calls WHERE cost > 0 LIMIT 1)",
      );
      by.sql("UPDATE accounts SET settled = settled - 1");
    },
    /^call \w+ of step /,
  ],
  [
    "overhead that was made waste, call by call",
    (by) => by.sql("UPDATE ledger SET kind = 'waste', what = 'abandoned' WHERE kind = 'overhead'"),
    /^event \d+ of run \S+$/,
  ],
  [
    "an account that has spent less",
    (by) => by.sql("UPDATE accounts SET settled = settled - 1 WHERE path LIKE 'run/%/cli'"),
    /^account run\/[\w-]+\/cli$/,
  ],
  [
    "a reply of a model edited",
    (by) => by.sql("UPDATE records SET body = replace(body, 'msg_', 'msg-') WHERE ordinal = 1"),
    /^transcript of step /,
  ],
  [
    "a task's row removed",
    (by) => by.sql("DELETE FROM rows WHERE kind = 'tasks' AND id = 'cli'"),
    /^row tasks\/cli /,
  ],
  [
    "the last landing amended",
    (by) => {
      const tip = git(by.repo, "rev-parse", by.branch);
      const amended = by.commitLike(tip, (text) => text.replace("Land ", "Landed "));
      git(by.repo, "update-ref", by.branch, amended);
    },
    /^commit \w{40}$/,
  ],
  [
    "a trailer changed in the middle of the branch",
    (by) => {
      const [top = "", below = ""] = git(
        by.repo,
        "rev-list",
        "--first-parent",
        "-2",
        by.branch,
      ).split("\n");
      const changed = by.commitLike(below, (text) =>
        text.replace(/^Headrace-Model: .*$/m, "Headrace-Model: nobody"),
      );
      const above = by.commitLike(top, (text) => text.replace(below, changed));
      git(by.repo, "update-ref", by.branch, above);
    },
    /^commit \w{40}$/,
  ],
  [
    "a commit put on the branch by hand",
    (by) => {
      const tip = git(by.repo, "rev-parse", by.branch);
      const more = by.commitLike(tip, (text) => text.replace(/^parent .*\n/m, `parent ${tip}\n`));
      git(by.repo, "update-ref", by.branch, more);
    },
    /^commit \w{40}$/,
  ],
  [
    "the branch moved back by one landing",
    (by) => void git(by.repo, "update-ref", by.branch, `${by.branch}^1`),
    /^landing \w{40} of task readme$/,
  ],
  [
    "the branch removed",
    (by) => void git(by.repo, "update-ref", "-d", by.branch),
    /^refs\/heads\//,
  ],
  [
    "another tree under the name of a landing",
    (by) => {
      const [tip = "", before = ""] = git(
        by.repo,
        "rev-list",
        "--first-parent",
        "-2",
        by.branch,
      ).split("\n");
      const other = git(by.repo, "rev-parse", `${before}^{tree}`);
      const text = `${git(by.repo, "cat-file", "commit", tip)}\n`;
      by.overwrite(tip, "commit", text.replace(/^tree .*$/m, `tree ${other}`));
    },
    /^the factory's repository$/,
  ],
];
