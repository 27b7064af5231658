import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { git } from "../support/git.ts";
import { NO_NPM } from "../support/needs.ts";
import { readArchive, readFixture } from "../support/real-archive.ts";
import { probeCommand } from "../support/real-probe.ts";
import { startNpmRegistry } from "../support/real-registries.ts";
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

const NPM = "registry.npmjs.org";

const SPEC = `# Transfers

## Acceptance criteria

- An amount moves from one account to another in one transaction, or not at all, and is recorded.
- References for statements sort by the time they were made.
`;

/** Prints what the private package's install script saw during set-up. */
const SEEN = `node -p '
  const { direct, env, files, processes } = require("./node_modules/@acme/money/seen.json");
  [direct, env.ACME_TOKEN, files.every(Boolean), processes.some(Boolean)].join(" ")'`;

/** Without a network it fails, and at once. */
const INSTALL =
  "pnpm add left-pad >said 2>&1; grep -o ERR_PNPM_META_FETCH_FAIL said; echo retries: $(grep -c 'Will retry' said); rm said";

const script = (probe: string): Conversation[] => [
  plans({
    summary: "Transfers on top of the accounts, then references, which need a package.",
    tasks: [
      task("transfers", { title: "Transfers between accounts" }),
      task("references", {
        title: "References for statements",
        requirements: ["r2"],
        blockedBy: ["transfers"],
        permits: ["lockfile"],
      }),
    ],
  }),
  approves("plan"),
  {
    role: "coder",
    task: "transfers",
    turns: [
      {
        calls: [
          {
            bash: {
              command: "env; cat .npmrc ~/.npmrc; cat /proc/[0-9]*/environ | tr '\\0' '\\n'",
            },
          },
          { bash: { command: probe } },
          { bash: { command: SEEN } },
          { bash: { command: "node --version; pnpm test" } },
          { bash: { command: INSTALL } },
        ],
      },
      {
        contains: [
          "secrets: none\nnetwork: none",
          "ECONNREFUSED headrace-placeholder true true",
          "\nv22.",
          "ERR_PNPM_META_FETCH_FAIL\nretries: 0",
        ],
        calls: [
          ...writes(readArchive("real-typescript/transfers.txt")),
          { bash: { command: "pnpm typecheck && pnpm test" } },
        ],
      },
      {
        contains: "Tests  4 passed (4)",
        calls: [{ submit_change: { summary: "Transfers in one transaction, with their table." } }],
      },
    ],
  },
  approves("transfers"),
  {
    role: "coder",
    task: "references",
    turns: [
      {
        calls: [
          ...writes(readArchive("real-typescript/references.txt")),
          { bash: { command: probe } },
          { bash: { command: "pnpm add ulid@3.0.1 && pnpm test" } },
        ],
      },
      {
        contains: ["secrets: none\nnetwork: 127.0.0.1:3128\n", "Tests  5 passed (5)"],
        calls: [{ submit_change: { summary: "References on ulid, locked." } }],
      },
    ],
  },
  approves("references"),
  judges([
    {
      requirement: "r1",
      met: true,
      reason: "Its tests pass against the database.",
      evidence: [{ kind: "command", run: "pnpm vitest run test/transfers.test.ts" }],
    },
    {
      requirement: "r2",
      met: true,
      reason: "Its test passes, and what ran it had neither network nor secret.",
      evidence: [
        { kind: "command", run: "pnpm vitest run test/reference.test.ts" },
        { kind: "command", run: probe },
      ],
    },
  ]),
];

const TOKEN = `npm-canary-${randomBytes(12).toString("hex")}`;

describe.skipIf(NO_NPM)(
  "a TypeScript package with pnpm, a private package and PostgreSQL (needs registry.npmjs.org)",
  () => {
    const closing = new AsyncDisposableStack();
    let shell: Shell;
    let company: Awaited<ReturnType<typeof startNpmRegistry>>;
    let repo: string;
    let image: string;
    let checked: Ended;
    beforeAll(async () => {
      const { "package.json": manifest = "", ...files } = readArchive("real-typescript/money.txt");
      company = closing.use(
        await startNpmRegistry(TOKEN, { manifest: JSON.parse(manifest), files }),
      );
      shell = closing.use(await openShell({ ACME_NPM_TOKEN: TOKEN }));
      const acme = { name: "acme", kind: "npm", url: company.url, scopes: ["@acme"] };
      const secret = { credential: "ACME_NPM_TOKEN", env: ["ACME_TOKEN"] };
      await shell.file("data/config.yaml", stringify({ registries: [{ ...acme, ...secret }] }));
      image = await ensurePostgresImage();
      const values = {
        registry: company.url,
        "registry-host": company.url.replace("http:", ""),
        postgres: image,
        money: company.integrity,
      };
      repo = await makeRepository(shell, "ledger", {
        ...readArchive("real-typescript/repository.txt", values),
        "pnpm-lock.yaml": readFixture("real-typescript/pnpm-lock.yaml", values),
      });
      checked = await shell.headrace("check", "--repo", "ledger", "--allow-repo-config");
    }, 600_000);
    afterAll(() => closing.disposeAsync(), 60_000);
    const probe = () => probeCommand(TOKEN, [company.port]);

    it("is understood by check: versions, set-up, services, hosts, gates that are green twice", async () => {
      expect(checked, checked.err).toMatchObject({ code: 0, err: "" });
      for (const line of [
        "  gate typecheck: pnpm run typecheck (detected)",
        "  gate test: pnpm test (detected)",
        "  node: 22 (.nvmrc)",
        "  pnpm: 10.34.9 (package.json packageManager)",
        `  service db: ${image}`,
        `  registry acme: ${company.url} with ACME_NPM_TOKEN`,
        `set-up reached: ${NPM}, 127.0.0.1:${company.port}`,
      ])
        expect(checked.out.split("\n")).toContain(line);
      expect(checked.out).toMatch(
        / setup: npm install .*"node-linux-.*@22" pnpm@10\.34\.9 \(detected\)\n/,
      );
      expect(checked.out).toMatch(/ setup: .*pnpm install --frozen-lockfile \(detected\)\n/);
      expect(checked.out).toMatch(/^typecheck +green +[\d.]+ s +- +red, as it should be +exit 0$/m);
      expect(checked.out).toMatch(/^test +green +[\d.]+ s +2 +red, as it should be +exit 0/m);
      expect(checked.out).not.toMatch(/refused|note:/);
    });

    it("gives programs the same as JSON, from the environment that was kept", async () => {
      const { code, out, err } = await shell.headrace("check", "--repo", "ledger", "--json");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const { url } = company;
      expect(JSON.parse(out)).toMatchObject({
        commit: git(repo, "rev-parse", "HEAD"),
        policy: {
          tools: [{ tool: "node", version: "22", from: ".nvmrc" }, { tool: "pnpm" }],
          services: [{ name: "db", image }],
          from: { gates: "detected", setup: "detected" },
        },
        registries: [{ name: "acme", kind: "npm", url, credential: "ACME_NPM_TOKEN" }],
        environment: { built: true, cached: true },
        network: { reached: [], refused: [] },
        rows: [
          { gate: "typecheck", verdict: "pass", red: false, flaky: false },
          { gate: "test", verdict: "pass", red: false, flaky: false, tests: 2 },
        ],
      });
    });

    describe("in a run that adds a feature and a dependency", () => {
      let run: FinishedRun;
      let asked: string[];
      beforeAll(async () => {
        const before = company.served.length;
        run = await runScripted(shell, repo, { spec: SPEC, script: script(probe()) });
        asked = company.served.slice(before);
        closing.defer(() => removeImages(environmentsOf(run)));
      }, 300_000);

      it("lands both, each verified beside its own database, and accepts them on evidence", () => {
        expect(run, `${run.out}\n${run.err}`).toMatchObject({ code: 0 });
        expect(run.of("merge.landed")).toHaveLength(2);
        expect(run.merged("src/transfers.ts")).toContain("insert into transfer");
        expect(run.merged("package.json")).toContain('"ulid": "3.0.1"');
        const accepted = run.of("acceptance.finished").flatMap(({ results }) => results);
        expect(accepted.map(({ met }) => met)).toEqual([true, true]);
        expect(accepted.flatMap(({ evidence }) => evidence.map(({ holds }) => holds))).toEqual([
          ...[true, true, true],
        ]);
      });

      it("builds an environment from the changed lockfile before the gates of the task that may change it", () => {
        const [base, changed, ...more] = environmentsOf(run);
        expect([base === changed, more]).toEqual([false, []]);
        const fetched = run.events.findIndex(
          (e) =>
            e.type === "network.used" && e.requests.some(({ path }) => path.startsWith("/ulid")),
        );
        const verified = run.events.findIndex(
          (e) => e.type === "receipt.recorded" && e.receipt.key.image === changed,
        );
        const gates = run.events
          .slice(fetched, verified)
          .flatMap((e) => (e.type === "gate.finished" ? [e.result.gate] : []));
        expect(gates).toEqual(["typecheck", "test"]);
      });

      it("has every request of its set-up in the log, and none but to hosts that were named", () => {
        const host = `127.0.0.1:${company.port}`;
        expect([...new Set(run.requests.map((request) => request.host))].sort()).toEqual([
          host,
          NPM,
        ]);
        expect(run.requests.every(({ outcome }) => outcome === "allowed")).toBe(true);
        const logged = run.requests.filter((request) => request.host === host);
        expect(logged.map(({ method, path }) => `${method} /npm${path}`).sort()).toEqual(
          asked.sort(),
        );
        expect(asked).toContain("GET /npm/@acme/money/-/money-1.4.0.tgz");
        expect(company.turnedAway).toEqual([]);
      });

      it("leaves the token in no table, blob, log, image or commit, for it never came in", async () => {
        expect(await whereTold([TOKEN], { shell, repo, checked, run })).toEqual([]);
      });
    });
  },
);
