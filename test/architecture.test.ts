import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { z } from "zod";

const root = fileURLToPath(new URL("../", import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, "utf8");

const Manifest = z.object({
  name: z.string(),
  version: z.string(),
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
});

const manifests = globSync(
  ["packages/*/package.json", "agents/package.json", "workflows/package.json"],
  {
    cwd: root,
  },
)
  .sort()
  .map((path) => Manifest.parse(JSON.parse(read(path))));

const SCOPE = "@headrace/";
const short = (name: string): string => name.slice(SCOPE.length);
const edgesOf = (dependencies: Record<string, string>): string[] =>
  Object.keys(dependencies)
    .filter((name) => name.startsWith(SCOPE))
    .map(short)
    .sort();

const IMPURE =
  /\b(?:Date\.now\(|new Date\(\)|Math\.random\(|crypto\.|performance\.|process\.|console\.|fetch\(|setTimeout\(|setInterval\()/;

type Source = { path: string; text: string };

/** TypeScript of the product, without tests; comments blanked so that prose does not count as code. */
const sources: Source[] = globSync(
  ["packages/*/src/**/*.ts", "agents/**/*.ts", "workflows/**/*.ts"],
  {
    cwd: root,
    exclude: ["**/node_modules/**"],
  },
)
  .filter((path) => !path.endsWith(".test.ts"))
  .sort()
  .map((path) => ({ path, text: withoutComments(read(path)) }));

const tests: Source[] = globSync(
  ["packages/*/src/**/*.test.ts", "{agents,workflows,scripts}/**/*.test.ts", "test/**/*.ts"],
  {
    cwd: root,
    exclude: ["**/node_modules/**"],
  },
).map((path) => ({ path, text: withoutComments(read(path)) }));

function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/^\s*\/\/.*$/gm, "");
}

/** `path:line: text` of every place that matches, so that a failure says where to look. */
const places = (files: Source[], pattern: RegExp): string[] =>
  files.flatMap(({ path, text }) =>
    [...text.matchAll(new RegExp(pattern, "g"))].map(({ index, 0: match }) => {
      const line = text.slice(0, index).split("\n").length;
      return `${path}:${line}: ${match.replace(/\s+/g, " ")}`;
    }),
  );

const inFolder = (...folders: string[]) =>
  sources.filter(({ path }) => folders.some((folder) => path.startsWith(folder)));
const outside = (...folders: string[]) =>
  sources.filter(({ path }) => !folders.some((folder) => path.startsWith(folder)));

describe("the architecture", () => {
  it("has these edges between its packages, and a new one is a visible change here", () => {
    const edges = manifests.map(
      ({ name, dependencies }) =>
        `${short(name)} -> ${edgesOf(dependencies).join(", ") || "nothing"}`,
    );
    expect(`\n${edges.join("\n")}\n`).toMatchInlineSnapshot(`
      "
      agents -> agent, domain
      agent -> domain
      attest -> domain
      cli -> attest, console, control, domain, intake, models, queue, repo, sandbox, secrets, simulator, store, telemetry, verify, worker, workflows
      console -> domain
      control -> attest, domain, router, verify, workflows
      domain -> nothing
      intake -> domain
      models -> domain
      queue -> domain
      repo -> domain
      router -> domain
      sandbox -> domain
      secrets -> nothing
      simulator -> domain
      store -> domain
      telemetry -> domain
      verify -> domain
      worker -> agent, agents, domain, intake, models, verify
      workflows -> agents, domain
      "
    `);
  });

  it("needs another package in tests only where this list says so", () => {
    const edges = manifests
      .filter(({ devDependencies }) => edgesOf(devDependencies).length > 0)
      .map(
        ({ name, devDependencies }) => `${short(name)} -> ${edgesOf(devDependencies).join(", ")}`,
      );
    expect(edges).toMatchInlineSnapshot(`[]`);
  });

  it("lets only the cli construct what reaches outside the process", () => {
    const IMPLEMENTATIONS = [
      "console",
      "control",
      "queue",
      "repo",
      "sandbox",
      "simulator",
      "store",
      "telemetry",
    ];
    const users = manifests
      .filter(({ name }) => name !== "@headrace/cli")
      .filter(({ dependencies }) =>
        edgesOf(dependencies).some((edge) => IMPLEMENTATIONS.includes(edge)),
      );
    expect(users.map(({ name }) => name)).toEqual([]);
  });

  it("crosses from one package to another only through its index", () => {
    expect([
      ...places(sources, /from "@headrace\/[a-z]+\/[^"]+"/),
      ...places(sources, /from "(?:\.\.\/)+(?:packages|agents|workflows)\/[^"]+"/),
    ]).toEqual([]);
  });

  it("gives the domain nothing but zod: no I/O, no clock, no randomness", () => {
    expect([
      ...places(inFolder("packages/domain/"), /from "(?!\.\/|\.\.\/|zod")[^"]+"/),
      ...places(inFolder("packages/domain/"), IMPURE),
    ]).toEqual([]);
  });

  it("gives the router no I/O, no clock and no randomness either", () => {
    expect([
      ...places(inFolder("packages/router/"), /from "node:[^"]+"/),
      ...places(inFolder("packages/router/"), IMPURE),
    ]).toEqual([]);
  });

  it("keeps effects out of the graphs", () => {
    expect([
      ...places(inFolder("workflows/"), /from "node:(?!async_hooks")[^"]+"/),
      ...places(inFolder("workflows/"), IMPURE),
    ]).toEqual([]);
  });

  it("wakes graphs by rows alone, never with a LangGraph Command", () => {
    expect([
      ...places(
        sources,
        /import\s*\{[^}]*\bCommand\b[^}]*\}\s*from\s*"@langchain\/langgraph[^"]*"/,
      ),
      ...places(sources, /new Command\(\s*\{[^}]*\bresume\b/),
    ]).toEqual([]);
  });

  it("calls git only from packages/repo", () => {
    expect([
      ...places(outside("packages/repo/src/"), /"simple-git"/),
      ...places(
        outside("packages/repo/src/"),
        /\b(?:spawn|spawnSync|exec|execSync|execFile|execFileSync)\(\s*["'`](?:[^"'`\s]*\/)?git\b/,
      ),
    ]).toEqual([]);
  });
});

describe("the tests", () => {
  it("replace no module", () => {
    expect(places(tests, /\b(?:vi|jest)\s*\.\s*(?:mock|doMock|unstable_mockModule)\(/)).toEqual([]);
  });

  it("are all run: none is focused", () => {
    expect(places(tests, /\b(?:it|test|describe)\s*\.\s*only\b/)).toEqual([]);
  });
});

describe("every source file", () => {
  it("keeps the type checker on", () => {
    const all = [...sources, ...tests].filter(({ path }) => path !== "test/architecture.test.ts");
    const raw = all.map(({ path }) => ({ path, text: read(path) }));
    expect(places(raw, /@ts-(?:ignore|nocheck)/)).toEqual([]);
  });
});
