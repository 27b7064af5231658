/**
 * A writer to be killed: `node store-writer.ts FILE` appends to run r1 for ever and prints the seq of each commit.
 * With `settle` it kills itself with a settlement half written; with `stubborn` it prints why a commit failed, tries
 * on, and closes after its fortieth try.
 */
import { createClock, openStore } from "@headrace/store";
import { call, called, claimed, note, reply, submitted, within } from "./store-fixtures.ts";

const [file = "", mode] = process.argv.slice(2);
let dying = false;
const clock = {
  ...createClock(),
  // the log asks for the time after the call was settled and its record was inserted
  now: () => {
    if (dying) process.kill(process.pid, "SIGKILL");
    return new Date();
  },
};
const store = await openStore({ file, clock });
await store.append("r1", (state) => (state === undefined ? [submitted()] : []));

if (mode === "settle") {
  const fence = await claimed(store, "r1", "s1", 60_000);
  await store.reserve(fence, call("c1", 300), within(1000));
  dying = true;
  await store.settle(
    fence,
    { id: "c1", state: "settled", cost: 40 },
    { part: { kind: "reply", turn: 1, reply: reply("hi") }, events: [called("s1", "c1", 40)] },
  );
}

if (mode === "stubborn") {
  for (let tries = 0; tries < 40; tries++)
    await store.append("r1", [note("x")]).then(
      (events) => process.stdout.write(`${events[0]?.seq}\n`),
      (error: Error) => process.stdout.write(`${error.message}\n`),
    );
  await store.close();
  process.exit();
}

const batch = Array.from({ length: 5 }, (_, i) => note(`${i}`.repeat(2000)));
for (;;) {
  const events = await store.append("r1", batch);
  process.stdout.write(`${events.at(-1)?.seq}\n`);
}
