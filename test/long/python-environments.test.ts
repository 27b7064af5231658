import { type EgressRequest, SetupFailedError } from "@headrace/domain";
import { detect, manifestPaths, type Tree } from "@headrace/intake";
import { createEgress, type Egress } from "@headrace/sandbox";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { baseVersions } from "../../packages/cli/src/machine/base-image.mjs";
import { bytes, LABELS_OF_TEST, LIMITS } from "../contract/suites/sandbox-harness.ts";
import { dockerHarness } from "../support/engine.ts";
import { commitFiles, gitBytes, tempRepo } from "../support/git.ts";
import { python313 } from "../support/python-image.ts";
import { startOpenIndex } from "../support/wheels.ts";

const checker = { name: "acme-checker", module: "acme_checker" };
const PROJECTS = [
  { ...checker, version: "1.0", code: "LOADED = False\n" },
  { ...checker, version: "2.0", code: "LOADED = True\n" },
  {
    ...{ name: "acme-lib", version: "1.0", module: "acme_lib", requires: ["acme-checker>=1"] },
    code: "from acme_checker import LOADED\nANSWER = 42\n",
  },
];

let index: Awaited<ReturnType<typeof startOpenIndex>>;
let egress: Egress;
let harness: Awaited<ReturnType<typeof dockerHarness>>;
let image: Awaited<ReturnType<typeof python313>>;
beforeAll(async () => {
  index = await startOpenIndex(PROJECTS);
  const registry = {
    name: "acme",
    kind: "pypi" as const,
    url: index.url,
    scopes: [],
    placeholders: [],
  };
  egress = createEgress({ registries: [registry] });
  harness = await dockerHarness({ egress });
  image = await python313(harness.docker);
}, 300_000);
afterAll(async () => {
  await image[Symbol.asyncDispose]();
  await harness[Symbol.asyncDispose]();
  await egress[Symbol.asyncDispose]();
  await index[Symbol.asyncDispose]();
});

type Files = Readonly<Record<string, string>>;

const treeOf = (files: Files): Tree => ({
  list: async () => Object.keys(files).map((path) => ({ path, mode: "100644" })),
  read: async (path) => (files[path] === undefined ? undefined : bytes(files[path])),
});

/** What is detected in these files and the environment that is built of it, as a run does before its first task. */
const prepare = async (files: Files) => {
  const found = await detect(treeOf(files), baseVersions());
  const requests: EgressRequest[] = [];
  const spec = {
    image: found.image,
    setup: found.setup,
    files: manifestPaths(Object.keys(files)).map((path) => {
      return { path, bytes: bytes(files[path] ?? ""), executable: false };
    }),
    env: {},
    limits: LIMITS,
    timeoutMs: 120_000,
  };
  const watch = { onRequest: (request: EgressRequest) => void requests.push(request) };
  const built = await harness.sandboxes.environment(spec, watch);
  harness.discardLater(built.image);
  if (found.image !== undefined) {
    const bare = await harness.sandboxes.environment({ ...spec, setup: [] }, {});
    harness.discardLater(bare.image);
  }
  const gate = async (command = found.gates[0]?.run ?? "false") => {
    await using repo = await tempRepo();
    await commitFiles(repo.path, files);
    return harness.sandboxes.runGate({
      image: built.image,
      command,
      tar: gitBytes(repo.path, ["archive", "--format=tar", "HEAD"]),
      env: {},
      limits: LIMITS,
      labels: LABELS_OF_TEST,
      timeoutMs: 30_000,
      maxOutputBytes: 10_000,
    });
  };
  return { found, requests, gate };
};

const SOURCE = {
  "src/app/__init__.py": "from acme_lib import ANSWER\n",
  "tests/test_app.py":
    "import unittest, app, acme_checker\nclass T(unittest.TestCase):\n" +
    "    def test_a(self):\n        self.assertEqual(app.ANSWER, 42)\n        self.assertTrue(acme_checker.LOADED)\n",
};
const hashed = (lib: string | undefined) =>
  "--index-url https://pypi.org/simple\n" +
  `acme-lib==1.0 \\\n    --hash=sha256:${lib}\nacme-checker==2.0 --hash=sha256:${index.hashes["acme-checker-2.0"]}\n`;

// an environment is minutes where other suites have the processors
describe("a Python repository", { timeout: 240_000 }, () => {
  it("with hashes gets what they name from the person's index, and its tests run offline", async () => {
    const { requests, gate } = await prepare({
      ...SOURCE,
      "requirements.txt": hashed(index.hashes["acme-lib-1.0"]),
    });
    expect(await gate()).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining("Ran 1 test"),
    });
    const host = `127.0.0.1:${index.port}`;
    expect(requests.length).toBeGreaterThan(0);
    expect(requests.filter((r) => r.host !== host || r.outcome !== "allowed")).toEqual([]);
    expect(await gate(".venv/bin/python -m pip download acme-lib")).toMatchObject({ exitCode: 1 });
  });

  it("whose hash is another package's gets nothing", async () => {
    const built = prepare({ "requirements.txt": hashed("0".repeat(64)) });
    await expect(built).rejects.toBeInstanceOf(SetupFailedError);
    await expect(built).rejects.toMatchObject({ log: expect.stringMatching(/HASHES/) });
  });

  it("that declares extras of itself gets them, within its constraints", async () => {
    const toml = `
[project]
name = "app"
dependencies = ["acme-lib"]
[project.optional-dependencies]
dev = ["app[check]"]
check = ["acme-checker"]
`;
    const { gate } = await prepare({
      "pyproject.toml": toml,
      "constraints.txt": "acme-checker<2\n",
    });
    const version = "from importlib.metadata import version as v; print(v('acme-checker'))";
    expect(await gate(`.venv/bin/python -c "${version}"`)).toMatchObject({ output: "1.0\n" });
  });

  it("for another Python runs on its image throughout, with our Node behind its own tools", async () => {
    const { found, gate } = await prepare({
      ...SOURCE,
      "pyproject.toml":
        '[project]\nname = "app"\nrequires-python = ">=3.13"\ndependencies = ["acme-lib"]\n',
    });
    expect(found.image).toBe(image.name);
    expect(await gate()).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining("Ran 1 test"),
    });
    const { output } = await gate(
      ".venv/bin/python --version; for tool in git node npm; do command -v $tool; done; echo $PATH",
    );
    expect(output).toMatch(
      /^Python 3\.13\..*\n\/usr\/bin\/git\n\/opt\/headrace\/bin\/node\n\/opt\/headrace\/bin\/npm\n.*:\/opt\/headrace\/bin\n$/,
    );
  });
});
