import {
  type EgressRequest,
  type Environment,
  InfrastructureError,
  Policy,
  SetupFailedError,
  UserError,
} from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { checkRepository, isFit } from "./check-repository.ts";
import { ended, groundOf, TableEngine } from "./exec-fixture.ts";
import { renderCheck } from "./render-check.ts";

const policyOf = (...gates: object[]) =>
  Policy.parse({ gates, setup: ["npm ci"], protected: [], from: { gates: "file", setup: "file" } });
const built: Environment = { image: "env:1", cached: false, durationMs: 4200, log: "" };

const check = (
  ends: ConstructorParameters<typeof TableEngine>[0],
  policy: Policy,
  environment: () => Promise<Environment> = async () => built,
  files: string[] = [],
) => {
  const engine = new TableEngine(ends);
  return checkRepository({
    sandboxes: { environment, runGate: (spec) => engine.runGate(spec) },
    policy,
    files: [],
    ground: groundOf(...files),
    labels: { run: "check", step: "check" },
  });
};

describe("the check of a repository", () => {
  test("shows gates that are green twice a bad tree, and is not fit with one that stays green there", async () => {
    const broken = ended({ exitCode: 1 });
    const result = await check(
      {
        looks: [ended(), ended(), ended(), ended(), broken],
        blind: [ended(), ended(), ended()],
        absent: [ended(), ended(), ended({ exitCode: 127 })],
        red: [broken, broken],
      },
      policyOf(
        { name: "test", run: "looks" },
        { name: "docs", run: "blind" },
        { name: "gone", run: "absent" },
        { name: "lint", run: "red" },
        { name: "known", run: "looks", canary: "off" },
      ),
      undefined,
      ["a.js", "a.test.js"],
    );
    expect(result.rows.map((row) => row.canary?.outcome)).toEqual([
      ...["red", "green", "not_run", undefined],
      "off",
    ]);
    expect(isFit(result)).toBe(false);
    expect(renderCheck(result)).toMatchInlineSnapshot(`
      "environment: built in 4.2 s
      gate   result  time   tests  canary                why
      test   green   0.1 s  -      red, as it should be  exit 0
      docs   green   0.1 s  -      STAYS GREEN           exit 0
      gone   green   0.1 s  -      does not run          exit 0
      lint   red     0.1 s  -      -                     exit 1
      known  green   0.1 s  -      off                   exit 0

      docs would be refused: on a tree that is known to be bad it ended with exit 0, with syntax errors in 2 JavaScript files
        make it look at the code, or give it what it must be red on (\`canary: FILE.patch\` in headrace.yaml), or say that it has none (\`canary: off\`)

      gone would be refused: on a tree that is known to be bad it ended with command not found (exit 127), with syntax errors in 2 JavaScript files
        make it look at the code, or give it what it must be red on (\`canary: FILE.patch\` in headrace.yaml), or say that it has none (\`canary: off\`)"
    `);
  });

  test("runs every gate twice and tells green, red, flaky and missing apart", async () => {
    const result = await check(
      {
        green: [ended({ output: "# tests 7\n" }), ended({ durationMs: 2500 })],
        red: [ended({ exitCode: 1, output: "first\n" }), ended({ exitCode: 1 })],
        flaky: [ended(), ended({ exitCode: 1, output: "\u001b[2Jboom\u0007\n✖ adds\n" })],
        missing: [ended({ exitCode: 127 }), ended({ exitCode: 127 })],
      },
      policyOf(
        { name: "test", run: "green" },
        { name: "lint", run: "red" },
        { name: "e2e", run: "flaky" },
        { name: "types", run: "missing" },
      ),
    );
    expect(isFit(result)).toBe(false);
    expect(renderCheck(result)).toMatchInlineSnapshot(`
      "environment: built in 4.2 s
      gate   result  time   tests  canary  why
      test   green   2.5 s  7      none    exit 0
      lint   red     0.1 s  -      -       exit 1
      e2e    flaky   0.1 s  -      -       exit 0, then exit 1
      types  red     0.1 s  -      -       command not found (exit 127)

      lint printed:
        first

      e2e printed:
        boom
        ✖ adds

      no source file could be broken for test: what it must be red on can be given (\`canary: FILE.patch\` in headrace.yaml)

      e2e differs between two runs of the same tree:
        adds
        mend it, or, where it is known to be flaky, leave it out: \`exclude\` of gate e2e in headrace.yaml"
    `);
  });

  test("is fit only when there are gates and all of them are green twice", async () => {
    const one = policyOf({ name: "test", run: "x" });
    expect(isFit(await check({ x: [ended(), ended()] }, one))).toBe(true);
    expect(isFit(await check({ x: [ended(), ended({ exitCode: 1 })] }, one))).toBe(false);
    expect(isFit(await check({}, policyOf()))).toBe(false);
  });

  test("leaves out gates that apply only after a task has landed", async () => {
    const result = await check({}, policyOf({ name: "test", run: "x", from: "t1" }));
    expect(result.rows).toEqual([]);
    expect(renderCheck(result)).toBe(
      "environment: built in 4.2 s\ngates: none apply to this commit",
    );
  });

  test("tells which hosts set-up reached, and how one that was refused is allowed", async () => {
    const asked = (
      host: string,
      outcome: EgressRequest["outcome"],
      detail = outcome === "refused" ? "not listed" : "200",
    ): EgressRequest => ({
      phase: "setup",
      method: "CONNECT",
      host,
      path: "",
      outcome,
      detail,
      bytesUp: 0,
      bytesDown: 0,
      durationMs: 1,
    });
    const checkWhere = (fails: boolean) =>
      checkRepository({
        sandboxes: {
          environment: async (_spec, watch) => {
            watch.onRequest?.(asked("registry.npmjs.org", "allowed"));
            watch.onRequest?.(asked("files.example.com", "refused"));
            watch.onRequest?.(asked("files.example.com", "refused"));
            watch.onRequest?.(asked("cdn.example.com", "refused"));
            watch.onRequest?.(asked("10.0.0.1", "refused"));
            const inside = "deb.debian.org resolves to 203.0.113.80, which is not a public address";
            watch.onRequest?.(asked("deb.debian.org", "refused", inside));
            watch.onRequest?.(asked("pypi.org", "failed", "getaddrinfo ENOTFOUND pypi.org"));
            if (fails) throw new SetupFailedError("pip install x", 1, "");
            return built;
          },
          runGate: () => Promise.reject(new Error("there are no gates")),
        },
        policy: policyOf(),
        files: [],
        ground: groundOf(),
        labels: { run: "check", step: "check" },
      });
    expect(renderCheck(await checkWhere(true))).toContain(
      "\npypi.org could not be reached: getaddrinfo ENOTFOUND pypi.org\n",
    );
    expect(renderCheck(await checkWhere(false))).toMatchInlineSnapshot(`
      "set-up was refused deb.debian.org: it resolves to 203.0.113.80, which is not a public address
      set-up reached: registry.npmjs.org
      set-up was refused files.example.com, cdn.example.com: to allow that, put into headrace.yaml, commit it, and give --allow-repo-config:
      sandbox:
        network:
          setup: [files.example.com, cdn.example.com]
      or, for every repository, put \`network:\` with that \`setup:\`, without \`sandbox:\`, into config.yaml
      set-up was refused 10.0.0.1: it is an address: names are resolved once and checked, addresses can be anybody's
      environment: built in 4.2 s
      gates: none apply to this commit"
    `);
  });

  test("tells refused hosts as they fit into the file that is there", () => {
    const network = { reached: [], refused: ["b.example"], unreached: [] };
    const environment = { built: false as const, command: "x", exitCode: 1, log: "" };
    const told = (sandbox: object) =>
      renderCheck({ environment, network, rows: [] }, { sandbox, userConfig: "/data/config.yaml" });
    expect(told({ memory: "2g" })).toMatch(
      /put under the `sandbox:` you have .*\n {2}network:\n {4}setup: \[b\.example\]\nor, .* into \/data\/config\.yaml\n/,
    );
    expect(told({ network: { setup: ["a.example"] } })).toMatch(
      /let `setup` of .* be, commit it, .*\n {4}setup: \[a\.example, b\.example\]\n/,
    );
  });

  test("waits once for a service that is never ready, and tells why once", async () => {
    const told = "service db: not ready in 120 s\n  postgres:16 printed nothing\n  correct `ready`";
    const result = await check(
      { x: [new UserError(told)], y: [new UserError(told)] },
      policyOf({ name: "test", run: "x" }, { name: "lint", run: "y" }),
    );
    expect(renderCheck(result)).toMatchInlineSnapshot(`
      "environment: built in 4.2 s
      gate  result  time   tests  canary  why
      test  red     0.0 s  -      -       could not be run: service db: not ready in 120 s
      lint  red     0.0 s  -      -       could not be run, as test

      test could not be run:
        service db: not ready in 120 s
          postgres:16 printed nothing
          correct \`ready\`"
    `);
  });

  test("tells a long reason in full once, below the table", async () => {
    const told = `the image postgres:16 cannot be pulled: ${"because ".repeat(30)}of that`;
    const result = await check(
      { x: [new UserError(told)], y: [new UserError(told)] },
      policyOf({ name: "test", run: "x" }, { name: "lint", run: "y" }),
    );
    expect(result.rows.map(({ reason }) => reason.length < 130)).toEqual([true, true]);
    expect(renderCheck(result).split(told)).toHaveLength(2);
  });

  test("names what a gate lacks where its output shows it", async () => {
    const output = "getaddrinfo EAI_AGAIN example.com\n";
    const end = () => ended({ exitCode: 1, output });
    const result = await check({ x: [end(), end()] }, policyOf({ name: "test", run: "x" }));
    expect(renderCheck(result)).toMatch(/\ntest: gates have no network: install in `setup`/);
  });

  test("tells how set-up failed and runs no gate", async () => {
    const result = await check({}, policyOf({ name: "test", run: "x" }), () =>
      Promise.reject(new SetupFailedError("npm ci", 1, "npm warn x\nnpm error 404\nmore\n")),
    );
    expect(isFit(result)).toBe(false);
    expect(renderCheck(result)).toBe(
      "environment: set-up failed (exit 1): npm ci\n  npm error 404",
    );
  });

  test("shows a gate that the engine could not run as red, not as flaky", async () => {
    const gone = new InfrastructureError("the engine is gone");
    const result = await check({ x: [ended(), gone] }, policyOf({ name: "test", run: "x" }));
    expect(result.rows).toMatchObject([
      {
        verdict: "infra_error",
        flaky: false,
        red: true,
        reason: "could not be run: the engine is gone",
      },
    ]);
  });

  test("fails with the engine's own words when no environment can be had", async () => {
    const gone = () => Promise.reject(new InfrastructureError("the engine is gone"));
    await expect(check({}, policyOf(), gone)).rejects.toThrow("the engine is gone");
  });
});
