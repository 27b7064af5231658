import { createHash } from "node:crypto";
import { join } from "node:path";
import { Gate, type GateSpec, Policy, SANDBOX_UID, type Sandboxes } from "@headrace/domain";
import { openFactoryRepo } from "@headrace/repo";
import { runGates } from "@headrace/verify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PLAIN, printed } from "../contract/suites/sandbox-harness.ts";
import { dockerHarness } from "../support/engine.ts";
import { commitFiles, packFrom, tempDir, tempRepo } from "../support/git.ts";
import { workerRig } from "../support/worker-rig.ts";

const labels = { run: "run-1", step: "verify" };
let harness: Awaited<ReturnType<typeof dockerHarness>>;
let image: string;
beforeAll(async () => {
  harness = await dockerHarness();
  image = (await harness.sandboxes.environment(PLAIN, {})).image;
});
afterAll(() => harness[Symbol.asyncDispose]());

const POLICY = Policy.parse({
  ...{ gates: [], setup: [], protected: [], limits: { memoryMb: 256 } },
  from: { gates: "file", setup: "none" },
});

/** What one gate printed on a commit of these files, in the factory's own repository. */
const onTree = async (
  files: Parameters<typeof commitFiles>[1],
  run: string,
  before?: (commit: string, pack: Uint8Array) => Promise<void>,
) => {
  await using source = await tempRepo();
  await using data = await tempDir();
  const commit = await commitFiles(source.path, files);
  await using repo = await openFactoryRepo({ dir: join(data.path, "code.git") });
  const pack = packFrom(source.path, commit);
  await repo.putPack(pack, commit);
  await before?.(commit, await repo.getPack(commit, []));
  let output = "";
  const [result] = await runGates({
    ...{ sandboxes: harness.sandboxes, image, policy: POLICY, labels },
    tar: await repo.tar(commit, { uid: SANDBOX_UID }),
    gates: [Gate.parse({ name: "test", run, timeoutS: 60 })],
    putBlob: async (bytes) => {
      output = Buffer.from(bytes).toString();
      return createHash("sha256").update(bytes).digest("hex");
    },
  });
  return { verdict: result?.verdict, output };
};

describe("the tree of a gate", () => {
  it("is the commit's own bytes, whatever its attributes say of archives and work trees", async () => {
    const files = {
      ".gitattributes": [
        "hidden.test.js export-ignore",
        "ending.txt text eol=crlf",
        "commit.txt export-subst",
        "id.txt ident",
        "dirty.dat filter=evil diff=evil merge=evil",
      ].join("\n"),
      "hidden.test.js": "throw new Error('seen');\n",
      "ending.txt": "one\ntwo\n",
      "commit.txt": "$Format:%H%n$\n",
      "id.txt": "$Id$\n",
      "dirty.dat": "as it is\n",
    };
    const names = Object.keys(files);
    const { verdict, output } = await onTree(files, `sha256sum ${names.join(" ")}`);
    expect(verdict).toBe("pass");
    const sums = Object.entries(files).map(
      ([name, text]) => `${createHash("sha256").update(text).digest("hex")}  ${name}\n`,
    );
    expect(output).toBe(sums.join(""));
  });

  it("holds nothing of the sandbox in which the commit was made", async () => {
    const left = [
      "mkdir -p node_modules/.bin node_modules/left ~/.cache ~/.npm ~/bin",
      "printf '#!/bin/sh\\nexit 0\\n' | tee node_modules/.bin/node ~/bin/node > /dev/null",
      "chmod +x node_modules/.bin/node ~/bin/node",
      "echo script-shell=/bin/true | tee .npmrc > ~/.npmrc",
      'echo "export PATH=$HOME/bin:$PATH NODE_OPTIONS=--require=/tmp/evil.js" | tee ~/.profile ~/.bashrc ~/.bash_env > /dev/null',
      "echo 'process.exit(0)' > /tmp/evil.js; cp /tmp/evil.js ~/.cache/",
    ];
    const look = [
      "ls -A . ~ /tmp",
      'echo "path=$PATH"',
      'echo "options=$NODE_OPTIONS"',
      "npm config get script-shell",
      "command -v node",
    ];
    let path = "";
    const { output } = await onTree(
      { "a.txt": "a\n", ".gitignore": "node_modules\n.npmrc\n" },
      look.join("; "),
      async (commit, pack) => {
        const spec = { image, limits: POLICY.limits, env: {}, labels };
        await using coder = await harness.sandboxes.open(spec);
        await coder.checkout(pack, commit);
        path = await printed(coder, "echo $PATH");
        await printed(coder, left.join(" && "));
        expect(await printed(coder, "ls node_modules/.bin ~/.npmrc /tmp/evil.js")).toContain(
          "node",
        );
      },
    );
    for (const name of ["node_modules", "left", ".npmrc", "evil.js", ".bash_env", ".cache"])
      expect(output).not.toContain(name);
    expect(output).toContain("a.txt");
    expect(output).toContain(`path=${path}\n`);
    // the factory's reporter and nothing else
    expect(output).toMatch(/^options=--require \/var\/lib\/headrace\/[0-9a-f]{32}\/[\w.-]+$/m);
    expect(output.trimEnd().split("\n").at(-1)).toMatch(/^\/usr(?:\/local)?\/bin\/node$/);
  });
});

describe("a verification", () => {
  it("has containers of its own, one for each gate, and no part in an agent's sandbox or in a network", async () => {
    const opened: unknown[] = [];
    const gates: GateSpec[] = [];
    const sandboxes: Sandboxes = new Proxy(harness.sandboxes, {
      get(target, key) {
        if (key === "open") return (...spec: unknown[]) => void opened.push(spec);
        if (key === "runGate")
          return (spec: GateSpec, signal?: AbortSignal) => {
            gates.push(spec);
            return target.runGate(spec, signal);
          };
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const offline = `test "$(ls /sys/class/net)" = lo && test ! -e left`;
    await using rig = await workerRig({
      sandboxes,
      history: [{ "a.txt": "a\n" }],
      policy: {
        gates: [
          { name: "first", run: `${offline} && touch left /tmp/left` },
          { name: "second", run: `${offline} && test ! -e /tmp/left` },
        ],
      },
    });
    const step = await rig.request("verify", {
      ...{ kind: "verify", commit: rig.base, landingBase: rig.base },
      ...{ gates: ["first", "second"], permits: [] },
    });
    await rig.deliver(step);
    expect((await rig.row(step))?.result).toMatchObject({
      receipt: { results: [{ verdict: "pass" }, { verdict: "pass" }] },
    });
    expect(opened).toEqual([]);
    expect(gates.map((spec) => "network" in spec)).toEqual([false, false]);
  });
});
