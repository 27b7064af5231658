import { changeReceipt, last, lastReceipt, type Tampering, type Written } from "./tampering.ts";

/** With the key, signatures say nothing; what is signed must still fit together, and fit the branch. */
export const WITH_KEY: Tampering[] = [
  [
    "a gate dropped from a receipt",
    (by, stolen) => {
      const events = by.events();
      changeReceipt(events, (receipt) => {
        receipt.key.gates = receipt.key.gates.slice(0, 1);
        receipt.results = receipt.results.filter((r) => r.gate === receipt.key.gates[0]);
      });
      by.rewrite(events, stolen);
    },
    /^receipt \w+$/,
  ],
  [
    "permits widened in a receipt",
    (by, stolen) => {
      const events = by.events();
      changeReceipt(events, (receipt) => {
        receipt.key.permits = ["lockfile"];
      });
      by.rewrite(events, stolen);
    },
    /^receipt \w+$/,
  ],
  [
    "a red receipt under a landing",
    (by, stolen) => {
      const events = by.events();
      changeReceipt(events, (receipt) => {
        for (const result of receipt.results) result.verdict = "fail";
      });
      by.rewrite(events, stolen);
    },
    /^receipt \w+$/,
  ],
  [
    "a receipt of another tree",
    (by, stolen) => {
      const events = by.events();
      changeReceipt(events, (receipt) => {
        receipt.key.tree = receipt.key.landingBaseTree;
      });
      by.rewrite(events, stolen);
    },
    /^receipt \w+$/,
  ],
  [
    "a receipt without its signature",
    (by, stolen) => {
      const events = by.events();
      lastReceipt(events).envelope = undefined;
      by.rewrite(events, stolen);
    },
    /^receipt \w+$/,
  ],
  [
    "another policy frozen with the plan",
    (by, stolen) => {
      const events = by.events();
      const accepted = last(events, "plan.accepted");
      accepted.policy = { ...accepted.policy, protected: [] };
      accepted.policyHash = by.putBlob(Buffer.from(JSON.stringify(accepted.policy)));
      by.rewrite(events, stolen);
    },
    /^receipt \w+$/,
  ],
  [
    "a task that landed twice",
    (by, stolen) => {
      const events = by.events();
      by.rewrite(
        [...events.slice(0, -1), last(events, "merge.landed"), ...events.slice(-1)],
        stolen,
      );
    },
    /^landing \w{40} of task readme$/,
  ],
  [
    "a landing that the log forgot",
    (by, stolen) => {
      const landed = last(by.events(), "merge.landed");
      by.rewrite(
        by.events().filter(({ seq }) => seq !== landed.seq),
        stolen,
      );
    },
    /^commit \w{40}$/,
  ],
  [
    "a landing on a branch that is no name",
    (by, stolen) => {
      const events = by.events();
      Object.assign(last(events, "merge.landed"), { branch: 5 });
      by.rewrite(events, stolen);
    },
    /^event \d+ of run \S+$/,
  ],
  [
    "everything signed anew, as it was",
    (by, stolen) => {
      const events = by.events();
      events[1] = { ...events[1], at: "2020-01-01T00:00:00.000Z" } as Written;
      by.rewrite(events, stolen);
    },
    /^landing \w{40} of task \w+$/,
  ],
];
