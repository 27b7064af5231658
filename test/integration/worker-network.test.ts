import { randomUUID } from "node:crypto";
import { AgentEnd } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { researcherBrief } from "../../agents/fixtures/sample-briefs.ts";
import { dockerHarness } from "../support/engine.ts";
import { fixedEgress } from "../support/fixed-egress.ts";
import { coding, workerRig } from "../support/worker-rig.ts";

let networked: Awaited<ReturnType<typeof dockerHarness>>;
beforeAll(async () => {
  networked = await dockerHarness({ egress: fixedEgress() });
});
afterAll(() => networked[Symbol.asyncDispose]());

const rigWith = (more: Partial<Parameters<typeof workerRig>[0]>) =>
  workerRig({ sandboxes: networked.sandboxes, history: [{ "package.json": "{}\n" }], ...more });

const endOf = async (rig: Awaited<ReturnType<typeof workerRig>>, step: string) => {
  const result = (await rig.row(step))?.result;
  return AgentEnd.parse(result?.kind === "agent" && result.result);
};

describe("a researcher's step", () => {
  it("has the proxy for the hosts that are listed for it, and each request is in the log", async () => {
    const get = `node -e 'require("http").get("http://127.0.0.1:3128/bytes/5", (r) => { console.log(r.statusCode); r.resume(); })'`;
    await using rig = await rigWith({
      policy: { network: { research: ["docs.example.com"] } },
      conversations: [
        {
          role: "researcher",
          task: "t1",
          turns: [
            { calls: [{ bash: { command: get } }] },
            { contains: "200", calls: [{ submit_research: { summary: "Looked it up." } }] },
          ],
        },
      ],
    });
    const researcher = {
      role: "researcher" as const,
      brief: JSON.parse(JSON.stringify(researcherBrief)),
    };
    const step = await rig.request("research", { ...coding(rig.base), ...researcher });
    expect(await rig.deliver(step)).toEqual({ kind: "done" });
    const used = (await rig.store.events(rig.run)).filter(({ type }) => type === "network.used");
    expect(used).toMatchObject([{ step, requests: [{ phase: "research", path: "/bytes/5" }] }]);
  });
});

describe("a coder's step", () => {
  const dialled = `node -e 'require("http").get("http://127.0.0.1:3128/bytes/5", (r) => { console.log("answered", r.statusCode); r.resume(); }).on("error", (e) => console.log(e.code))'`;
  const lock = '{ "resolved": "http://127.0.0.1:3128/npm/a.tgz" }';
  const conversations = (answer: string) => [
    {
      role: "coder",
      task: "t1",
      turns: [
        { calls: [{ bash: { command: `${dialled}; echo '${lock}' > package-lock.json` } }] },
        { contains: answer, calls: [{ bash: { command: "cat package-lock.json" } }] },
        { calls: [{ submit_change: { summary: "Adds a." } }] },
      ],
    },
  ];

  it("has the registries, and nothing else, where its step permits new dependencies", async () => {
    await using rig = await rigWith({
      policy: { network: { setup: ["setup.example.com"], research: ["docs.example.com"] } },
      conversations: conversations("answered 200"),
    });
    const step = await rig.request("code", { ...coding(rig.base), permits: ["lockfile"] });
    expect(await rig.deliver(step)).toEqual({ kind: "done" });
    const used = (await rig.store.events(rig.run)).filter(({ type }) => type === "network.used");
    expect(used).toMatchObject([
      { step, task: "t1", requests: [{ phase: "coding", path: "/bytes/5" }] },
    ]);
    const { snapshot = "" } = await endOf(rig, step);
    const written = await rig.factory.read(snapshot, "package-lock.json");
    expect(new TextDecoder().decode(written)).toBe(
      '{ "resolved": "https://registry.test/a.tgz" }\n',
    );
  });

  it.each([
    ["permits other things", { permits: ["gates:test"] }],
    ["says nothing of permits", {}],
  ])("has no network where its step %s", async (_, permits) => {
    await using rig = await rigWith({
      conversations: conversations("ECONNREFUSED"),
    });
    const step = await rig.request("code", { ...coding(rig.base), ...permits });
    expect(await rig.deliver(step)).toEqual({ kind: "done" });
    expect(await endOf(rig, step)).toMatchObject({ end: "submitted" });
    const events = await rig.store.events(rig.run);
    expect(events.map(({ type }) => type)).not.toContain("network.used");
  });
});

describe("a coder's environment", () => {
  const setup = [
    `: ${randomUUID()}; grep -q '^{' package.json && mkdir -p node_modules && cp package.json node_modules/seen`,
  ];
  it.each([
    ["an earlier attempt's manifests, where its step permits that", ["lockfile"], '{ "a": 1 }', 1],
    ["what has landed, where the manifests cannot be set up", ["lockfile"], "broken", 0],
    ["what has landed, where nothing is permitted", [], '{ "a": 1 }', 0],
  ])("is set up for %s", async (_, permits, manifest, found) => {
    await using rig = await rigWith({
      policy: { setup },
      conversations: [
        {
          role: "coder",
          task: "t1",
          turns: [
            {
              calls: [
                { bash: { command: "echo found $(grep -c a node_modules/seen) > seen.txt" } },
              ],
            },
            { calls: [{ submit_change: { summary: "Looks." } }] },
          ],
        },
      ],
    });
    const change = await rig.change(rig.base, { "package.json": `${manifest}\n` });
    const input = { ...coding(change), environment: rig.base, permits };
    const step = await rig.request("code", input);
    expect(await rig.deliver(step)).toEqual({ kind: "done" });
    const { snapshot = "" } = await endOf(rig, step);
    const seen = await rig.factory.read(snapshot, "seen.txt");
    for (const [name, commit] of Object.entries({ base: rig.base, change })) {
      const built = await rig.request(name, { kind: "environment", commit });
      await rig.deliver(built);
      const result = (await rig.row(built))?.result;
      if (result?.kind === "environment") networked.discardLater(result.image);
    }
    expect(new TextDecoder().decode(seen)).toBe(`found ${found}\n`);
  });
});

it("changed manifests that ask for a host no list names are red, and the log says which", async () => {
  const ask = `node -e 'require("http").get("http://127.0.0.1:3128/elsewhere", { headers: { host: "files.test" } }, (r) => r.resume())'`;
  const gates = [{ name: "test", run: "true" }];
  const setup = [`: ${randomUUID()}; grep -q '^{}' package.json || { ${ask}; exit 3; }`];
  await using rig = await rigWith({ policy: { gates, setup } });
  const change = await rig.change(rig.base, { "package.json": '{ "a": 1 }\n' });
  const about = { commit: change, landingBase: rig.base, gates: ["test"] };
  const step = await rig.request("verify", { kind: "verify", ...about, permits: ["lockfile"] });
  expect(await rig.deliver(step)).toEqual({ kind: "done" });
  const result = (await rig.row(step))?.result;
  const [red] = result?.kind === "verify" ? result.receipt.results : [];
  expect(red).toMatchObject({ gate: "test", verdict: "fail", exitCode: 3 });
  const log = new TextDecoder().decode(await rig.store.getBlob(red?.log ?? ""));
  expect(log).toContain("it asked for hosts that no list names: files.test");
});
