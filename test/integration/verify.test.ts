import { createHash } from "node:crypto";
import { join } from "node:path";
import { Gate, Policy, SANDBOX_UID } from "@headrace/domain";
import { detect, manifestPaths, resolvePolicy, treeAt } from "@headrace/intake";
import { openFactoryRepo } from "@headrace/repo";
import { checkEvidence, checkRepository, isFit, renderCheck, runGates } from "@headrace/verify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerHarness } from "../support/engine.ts";
import { commitFiles, packFrom, tempDir, tempRepo } from "../support/git.ts";

const labels = { run: "run-1", step: "verify" };
const MEMORY_HOG = "const kept = []; for (;;) kept.push(Buffer.alloc(1 << 24, 1));";

const FILES = {
  "package.json": JSON.stringify({ scripts: { test: "node --test" } }),
  "total.js": "exports.total = (xs) => xs.reduce((a, b) => a + b, 0);\n",
  "total.test.js": `
    const test = require("node:test");
    const assert = require("node:assert");
    const { total } = require("./total.js");
    test("adds", () => assert.equal(total([1, 2]), 3));
    test("adds nothing", () => assert.equal(total([]), 0));
  `,
  "bin/greet": { run: "#!/bin/sh\necho hello\n" },
};

let bench: Awaited<ReturnType<typeof open>>;

/** A real repository, taken into the factory's, and its environment on the real engine. */
const open = async () => {
  const stack = new AsyncDisposableStack();
  const { sandboxes } = stack.use(await dockerHarness());
  const source = stack.use(await tempRepo());
  const data = stack.use(await tempDir());
  const commit = await commitFiles(source.path, FILES);
  const repo = await openFactoryRepo({ dir: join(data.path, "code.git") });
  stack.defer(() => repo.close());
  await repo.putPack(packFrom(source.path, commit), commit);
  const tar = await repo.tar(commit, { uid: SANDBOX_UID });
  return { stack, sandboxes, repo, commit, tar };
};

beforeAll(async () => {
  bench = await open();
});
afterAll(() => bench.stack.disposeAsync());

const policyOf = (gates: Record<string, string>, over: Partial<Policy> = {}): Policy => ({
  ...Policy.parse({
    gates: Object.entries(gates).map(([name, run]) => Gate.parse({ name, run, timeoutS: 60 })),
    setup: [],
    protected: [],
    limits: { memoryMb: 192 },
    from: { gates: "file", setup: "none" },
  }),
  ...over,
});

const imageFor = async (policy: Policy): Promise<string> => {
  const { image, setup, env, limits } = policy;
  const spec = { image, setup, env, limits, files: [], timeoutMs: 60_000 };
  return (await bench.sandboxes.environment(spec, {})).image;
};

test("a detected repository is checked: its gates run twice on the base, and its tests are counted", async () => {
  const tree = treeAt(bench.repo, bench.commit);
  const detected = await detect(tree);
  const spec = { gates: undefined, setup: undefined, protected: undefined };
  const files = await Promise.all(
    manifestPaths((await bench.repo.list(bench.commit)).map((entry) => entry.path)).map(
      async (path) => ({
        path,
        bytes: (await tree.read(path)) ?? new Uint8Array(),
        executable: false,
      }),
    ),
  );
  const check = await checkRepository({
    sandboxes: bench.sandboxes,
    policy: resolvePolicy({ spec, config: {}, detected }),
    files,
    ground: bench,
    labels,
  });
  expect(files.map((file) => file.path)).toEqual(["package.json"]);
  expect(isFit(check), renderCheck(check)).toBe(true);
  expect(check.rows).toMatchObject([{ gate: "test", verdict: "pass", tests: 2, flaky: false }]);
});

test("verdicts are the engine's: red, missing, timed out, out of memory behind exit 0", async () => {
  const policy = policyOf({
    greet: "./bin/greet",
    red: "echo '# tests 9'; echo all tests passed; exit 3",
    missing: "no-such-tool --check",
    hog: `node -e '${MEMORY_HOG}'; exit 0`,
    slow: "echo begun; sleep 60",
  });
  const gates = policy.gates.map((gate) =>
    gate.name === "slow" ? { ...gate, timeoutS: 2 } : gate,
  );
  const logs = new Map<string, string>();
  const results = await runGates({
    sandboxes: bench.sandboxes,
    image: await imageFor(policy),
    tar: bench.tar,
    gates,
    policy,
    labels,
    putBlob: async (bytes) => {
      const id = createHash("sha256").update(bytes).digest("hex");
      logs.set(id, Buffer.from(bytes).toString());
      return id;
    },
  });
  expect(results.map(({ gate, verdict, reason }) => `${gate}: ${verdict}, ${reason}`)).toEqual([
    "greet: pass, exit 0",
    "red: fail, exit 3",
    "missing: not_run, command not found (exit 127)",
    "hog: fail, killed: out of memory",
    expect.stringMatching(/^slow: fail, timed out after \d/),
  ]);
  expect(logs.get(results[0]?.log ?? "")).toBe("hello\n");
  expect(logs.get(results[4]?.log ?? "")).toBe("begun\n");
});

test("a gate leaves nothing for the next and has no network", async () => {
  const policy = policyOf({
    first: "echo left > left.txt && rm total.js",
    second: "test ! -e left.txt && test -e total.js",
    offline: 'test "$(ls /sys/class/net)" = lo',
  });
  const results = await runGates({
    sandboxes: bench.sandboxes,
    image: await imageFor(policy),
    tar: bench.tar,
    gates: policy.gates,
    policy,
    labels,
    putBlob: async () => "0".repeat(64),
  });
  expect(results.map((result) => result.verdict)).toEqual(["pass", "pass", "pass"]);
});

test("a gate that writes JUnit XML is judged by it, and is not green without", async () => {
  const write =
    'env -u NODE_OPTIONS node --test --test-reporter=junit > "$HEADRACE_REPORTS/node.xml"';
  const policy = policyOf({
    own: write,
    short: `${write}; printf '<testsuite><testcase' > "$HEADRACE_REPORTS/more.xml"`,
    hidden: `${write}; sed -i 's,<testcase name="adds nothing".*/>,<testcase name="x"><failure/></testcase>,' "$HEADRACE_REPORTS/node.xml"`,
    elsewhere: write.replace("$HEADRACE_REPORTS", "."),
  });
  const results = await runGates({
    sandboxes: bench.sandboxes,
    image: await imageFor(policy),
    tar: bench.tar,
    gates: policy.gates.map((gate) => ({ ...gate, report: "junit" })),
    policy,
    labels,
    putBlob: async () => "0".repeat(64),
  });
  const untrusted = "exit 0, but its test report cannot be trusted:";
  expect(results).toMatchObject([
    { verdict: "pass", reason: "exit 0, 2 tests", tests: { passed: 2 } },
    { verdict: "fail", reason: `${untrusted} it is no XML (more.xml)` },
    { verdict: "fail", reason: expect.stringMatching(/^exit 0, but .*: 1 test fails: x$/) },
    { verdict: "fail", reason: `${untrusted} there is no JUnit XML in $HEADRACE_REPORTS` },
  ]);
});

test("set-up that fails is told with its command, and its output once, as it comes", async () => {
  const policy = policyOf({ test: "true" }, { setup: ["echo looking; exit 7"] });
  const { sandboxes } = bench;
  const lines: string[] = [];
  const onLine = (line: string) => lines.push(line);
  const check = await checkRepository({
    sandboxes,
    policy,
    files: [],
    ground: bench,
    labels,
    onLine,
  });
  expect(isFit(check)).toBe(false);
  expect(lines).toEqual(["$ echo looking; exit 7", "looking"]);
  expect(check.environment).toMatchObject({ log: expect.stringContaining("looking") });
  expect(renderCheck(check)).toBe("environment: set-up failed (exit 7): echo looking; exit 7");
});

test("evidence is run and looked up on the commit itself", async () => {
  const policy = policyOf({});
  const spec = { image: await imageFor(policy), limits: policy.limits, env: {}, labels };
  await using sandbox = await bench.sandboxes.open(spec);
  await sandbox.checkout(await bench.repo.getPack(bench.commit, []), bench.commit);
  const claim = { met: true, reason: "seen" };
  const results = await checkEvidence({
    claims: [
      { ...claim, requirement: "r1", evidence: [{ kind: "command", run: "./bin/greet" }] },
      { ...claim, requirement: "r2", evidence: [{ kind: "command", run: "node --test none.js" }] },
      {
        ...claim,
        requirement: "r3",
        evidence: [{ kind: "quote", file: "total.js", quote: "xs.reduce((a, b) => a + b, 0)" }],
      },
      {
        ...claim,
        requirement: "r4",
        evidence: [{ kind: "quote", file: "total.js", quote: "exports.average = (xs)" }],
      },
    ],
    runCommand: (run) => sandbox.exec(run, { timeoutMs: 30_000, maxOutputBytes: 4096 }),
    readFile: (path) => bench.repo.read(bench.commit, path),
  });
  expect(results.map(({ requirement, met }) => [requirement, met])).toEqual([
    ["r1", true],
    ["r2", false],
    ["r3", true],
    ["r4", false],
  ]);
});
