import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { commitFiles, git } from "../support/git.ts";
import { readArchive } from "../support/real-archive.ts";
import { probeCommand } from "../support/real-probe.ts";
import { startPythonIndex } from "../support/real-registries.ts";
import {
  environmentsOf,
  type FinishedRun,
  makeRepository,
  removeImages,
  runScripted,
  whereTold,
} from "../support/real-run.ts";
import { approves, type Conversation, judges, plans, task, writes } from "../support/script.ts";
import { ensurePostgresImage } from "../support/service-images.ts";
import { type Ended, openShell, type Shell } from "../support/shell.ts";

const SPEC = `# Credit notes

## Acceptance criteria

- A credit note takes back the total of what was invoiced, VAT included.
`;

const PASSWORD = `pypi-canary-${randomBytes(12).toString("hex")}`;
const LOGIN = `ci:${PASSWORD}`;

const TEST = "PYTHONPATH=src .venv/bin/python -m unittest discover";

const script = (probe: string): Conversation[] => [
  plans({ summary: "One module.", tasks: [task("credit", { title: "Credit notes" })] }),
  approves("plan"),
  {
    role: "coder",
    task: "credit",
    turns: [
      {
        calls: [
          { bash: { command: "env; cat ~/.npmrc; cat /proc/[0-9]*/environ | tr '\\0' '\\n'" } },
          { bash: { command: probe } },
          { bash: { command: ".venv/bin/python -m pip download romanum==2.1.0" } },
        ],
      },
      {
        contains: ["secrets: none\nnetwork: none", "No matching distribution found"],
        calls: [...writes(readArchive("real-python/credit.txt")), { bash: { command: TEST } }],
      },
      {
        contains: ["Ran 5 tests in", "\nOK"],
        calls: [{ submit_change: { summary: "Credit notes, whose total is never positive." } }],
      },
    ],
  },
  approves("credit"),
  judges([
    {
      requirement: "r1",
      met: true,
      reason: "A test compares the total with VAT.",
      evidence: [
        { kind: "command", run: `${TEST} -k test_a_credit_note` },
        { kind: "quote", file: "src/credit.py", quote: "-total(cents, country)" },
      ],
    },
  ]),
];

describe("a Python package with hashed requirements, a company's index and PostgreSQL", () => {
  const closing = new AsyncDisposableStack();
  let shell: Shell;
  let index: Awaited<ReturnType<typeof startPythonIndex>>;
  let repo: string;
  let image: string;
  let checked: Ended;
  beforeAll(async () => {
    const { romanum = "", acme_vat: vat = "" } = readArchive("real-python/packages.txt");
    // an environment of its own, whoever else runs this
    const unique = `# ${randomBytes(8).toString("hex")}\n`;
    index = closing.use(
      await startPythonIndex(LOGIN, [
        { name: "romanum", version: "2.1.0", module: "romanum", code: romanum + unique },
        { name: "acme-vat", version: "3.0.1", module: "acme_vat", code: vat },
      ]),
    );
    shell = closing.use(await openShell({ ACME_PYPI_LOGIN: LOGIN }));
    const mirror = { name: "mirror", kind: "pypi", url: index.url, auth: "basic" };
    const registries = [{ ...mirror, credential: "ACME_PYPI_LOGIN" }];
    await shell.file("data/config.yaml", stringify({ registries }));
    image = await ensurePostgresImage();
    const probe = probeCommand(PASSWORD, [index.port]);
    const values = { ...index.hashes, postgres: image, probe };
    repo = await makeRepository(
      shell,
      "invoices",
      readArchive("real-python/repository.txt", values),
    );
    checked = await shell.headrace("check", "--repo", "invoices", "--allow-repo-config", "--json");
  }, 600_000);
  afterAll(() => closing.disposeAsync(), 60_000);

  it("is understood by check, whose JSON says what was found, installed and reached", () => {
    expect(checked, checked.out).toMatchObject({ code: 0, err: "" });
    const { url } = index;
    const from = ".python-version";
    const green = { verdict: "pass", red: false, flaky: false };
    expect(JSON.parse(checked.out)).toMatchObject({
      commit: git(repo, "rev-parse", "HEAD"),
      policy: {
        tools: [{ tool: "python", version: "3.11", from }],
        setup: [
          "python3 -m venv .venv",
          ".venv/bin/python -m pip install -r requirements.txt",
          ".venv/bin/python -m pip install 'acme-vat>=3' 'romanum~=2.1'",
        ],
        services: [{ name: "db", image }],
        from: { gates: "file", setup: "detected" },
      },
      registries: [{ name: "mirror", kind: "pypi", url, credential: "ACME_PYPI_LOGIN" }],
      environment: { built: true, cached: false },
      network: { reached: [`127.0.0.1:${index.port}`], refused: [] },
      rows: [
        { gate: "test", tests: 3, ...green },
        { gate: "sealed", ...green },
      ],
      notes: [],
    });
  });

  describe("in a run that adds a module", () => {
    let run: FinishedRun;
    beforeAll(async () => {
      const probe = probeCommand(PASSWORD, [index.port]);
      run = await runScripted(shell, repo, { spec: SPEC, script: script(probe) });
      closing.defer(() => removeImages(environmentsOf(run)));
    }, 300_000);

    it("lands it, verified without a network, and accepts it on evidence", () => {
      expect(run, `${run.out}\n${run.err}`).toMatchObject({ code: 0 });
      expect(run.of("merge.landed")).toHaveLength(1);
      expect(run.merged("src/credit.py")).toContain("def credit_note(");
      expect(run.of("acceptance.finished")).toMatchObject([
        { results: [{ met: true, evidence: [{ holds: true }, { holds: true }] }] },
      ]);
    });

    it("finds the environment that check built, and asks no registry again", () => {
      expect(run.of("step.finished").map(({ result }) => result)).toContainEqual(
        expect.objectContaining({ kind: "environment", cached: true }),
      );
      expect(run.requests).toEqual([]);
      expect(index.turnedAway).toEqual([]);
    });

    it("leaves the password in no table, blob, log, image or commit, for it never came in", async () => {
      const forms = [PASSWORD, Buffer.from(LOGIN).toString("base64")];
      expect(await whereTold(forms, { shell, repo, checked, run })).toEqual([]);
    });
  });
});

/** A host that is on no list, and whether it can be reached from here once it is. */
const HOST = "registry.npmjs.org";
const PUBLIC = await lookup(HOST).then(
  ({ address }) => !/^(?:10|127|192\.168|203\.0\.113)\./.test(address),
  () => false,
);

describe("a repository whose set-up asks for a host that is not listed", () => {
  let shell: Shell;
  let repo: string;
  beforeAll(async () => {
    shell = await openShell();
    const url = `https://${HOST}/ms/-/ms-2.1.3.tgz`;
    const download = `import urllib.request as u; u.urlretrieve("${url}", ".ms.tgz")`;
    repo = await makeRepository(shell, "downloads", {
      "headrace.yaml": stringify({
        setup: [`python3 -c '${download}'`],
        gates: [{ name: "there", run: "test -s .ms.tgz" }],
      }),
    });
  });
  afterAll(() => shell[Symbol.asyncDispose]());

  it("is told the host and the line to add, then asked for leave, and then let through", async () => {
    const refused = await shell.headrace("check", "--repo", "downloads");
    expect(refused, refused.err).toMatchObject({ code: 1 });
    const [, block = ""] =
      /^set-up was refused registry\.npmjs\.org: .* into headrace\.yaml.*\n((?: *\w+:.*\n)+)/m.exec(
        refused.out,
      ) ?? [];
    expect(parse(block)).toEqual({ sandbox: { network: { setup: [HOST] } } });
    const config = parse(git(repo, "show", "HEAD:headrace.yaml"));
    await commitFiles(repo, { "headrace.yaml": stringify({ ...config, ...parse(block) }) });
    expect(await shell.headrace("check", "--repo", "downloads")).toMatchObject({
      code: 2,
      err: expect.stringContaining("set-up may reach registry.npmjs.org"),
    });
    const args = ["check", "--repo", "downloads", "--allow-repo-config", "--json"];
    const { out, code } = await shell.headrace(...args);
    expect(JSON.parse(out)).toMatchObject({ network: { refused: [] } });
    // where a stand-in answers at an address that is not public, the list does not open the way to it
    expect(code).toBe(PUBLIC ? 0 : 1);
  });
});
