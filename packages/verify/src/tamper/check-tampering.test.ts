import { Gate } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { checkTampering } from "./check-tampering.ts";

const GATES = [Gate.parse({ name: "test", run: "npm test" })];

/** What is said of one file that became another text, or came, or went. */
const judge = (
  path: string,
  before: string | undefined,
  after: string | undefined,
  over: { permits?: string[]; closed?: string[] } = {},
) =>
  checkTampering({
    files: [{ path, before, after }],
    gates: GATES,
    closed: over.closed ?? [],
    permits: over.permits ?? [],
    base: {
      paths: before === undefined ? [] : [path],
      read: async (name) => (name === path ? before : undefined),
    },
  });

const LINK = "120000" as const;
type Mode = typeof LINK | "100644" | undefined;

/** What is said of links: of what becomes one, or was one. */
const linked = (
  path: string,
  [before, after]: [Mode, Mode],
  over: { permits?: string[]; closed?: string[] } = {},
) => {
  const textOf = (mode: Mode) => (mode === "100644" ? "a\n" : undefined);
  return checkTampering({
    files: [{ path, before: textOf(before), after: textOf(after), modes: { before, after } }],
    gates: GATES,
    closed: over.closed ?? [],
    permits: over.permits ?? [],
    base: { paths: [], read: async () => undefined },
  });
};

const problems = async (...args: Parameters<typeof judge>) => (await judge(...args)).problems;

describe("what is refused without a permit", () => {
  const rows: [path: string, before: string | undefined, after: string, permit: string][] = [
    ["package-lock.json", "{}", '{ "a": 1 }', "lockfile"],
    ["go.mod", "module a\n", "module a\n\nrequire example.org/b v1.2.3\n", "lockfile"],
    ["Cargo.toml", "", '[dependencies]\nserde = "1"\n', "lockfile"],
    ["package.json", "{}", '{ "devDependencies": { "a": "1" } }', "lockfile"],
    ["vitest.config.ts", undefined, "export default {};\n", "gates:test"],
    ["tests/conftest.py", "", "x = 1\n", "gates:test"],
    [
      "package.json",
      '{ "scripts": { "test": "a" } }',
      '{ "scripts": { "test": "b" } }',
      "gates:test",
    ],
    [
      "a_test.go",
      "func TestA(t *testing.T) {}\n",
      "func TestA(t *testing.T) { t.Skip() }\n",
      "path:a_test.go",
    ],
    ["src/lib.rs", "#[test]\nfn adds() {}\n", "#[test]\n#[ignore]\nfn adds() {}\n", "path:src/**"],
    [
      "src/test/java/ATest.java",
      "@Test void a() {}\n",
      "@Disabled @Test void a() {}\n",
      "path:src/test/**",
    ],
    ["spec/a_spec.rb", 'it "adds" do\nend\n', 'xit "adds" do\nend\n', "path:spec/**"],
    [
      "a_test.go",
      "func TestA(t *testing.T) {}\n",
      "//go:build never\n\nfunc TestA(t *testing.T) {}\n",
      "path:*.go",
    ],
    [".gitattributes", undefined, "* text=auto\n", "path:.gitattributes"],
  ];
  test.each(rows)("%s, %j -> %j, which %s opens", async (path, before, after, permit) => {
    expect(await problems(path, before, after)).toHaveLength(1);
    expect(await problems(path, before, after, { permits: ["path:elsewhere/**"] })).toHaveLength(1);
    const open = await judge(path, before, after, { permits: [permit] });
    expect(open.problems).toEqual([]);
    expect(open.flags.join("\n")).toContain(`by permit, ${path}`);
  });

  test("a permit of one kind opens nothing of another", async () => {
    const skip = 'test.skip("a", () => {});\n';
    for (const permits of [["lockfile"], ["gates:test"]])
      expect(await problems("a.test.js", 'test("a", () => {});\n', skip, { permits })).toHaveLength(
        1,
      );
    const manifest = '{ "jest": {}, "dependencies": { "a": "1" } }';
    expect(
      await problems("package.json", "{}", manifest, { permits: ["gates:test"] }),
    ).toHaveLength(1);
  });

  test("what the policy protects, whatever the permits", async () => {
    const over = { closed: ["migrations/**"], permits: ["path:**", "lockfile", "gates:test"] };
    expect(await problems("migrations/1.sql", "a", "b", over)).toEqual([
      "migrations/1.sql is protected, whatever a plan permits: put it back",
    ]);
  });

  test("says where, what, what to do about it and which permit would open it", async () => {
    const [sentence] = await problems("a.test.js", "", '\ntest.todo("a", () => {});\n');
    expect(sentence).toBe(
      "a.test.js:2 keeps tests from running with `test.todo`: let them run, and make them pass (only the permit `path:a.test.js` in the plan would allow it)",
    );
  });
});

describe("symbolic links", () => {
  test.each<[string, Mode, Mode]>([
    ["src/a.ts", undefined, LINK],
    ["src/a.ts", "100644", LINK],
    ["package.json", LINK, "100644"],
    ["src/a.ts", LINK, LINK],
    ["vite.config.ts", LINK, undefined],
  ])("%s, %s -> %s, are refused but for a permit of the path", async (path, ...modes) => {
    for (const permits of [[], ["gates:test"], ["lockfile"], ["path:elsewhere/**"]])
      expect((await linked(path, modes, { permits })).problems, permits[0]).not.toEqual([]);
    const open = await linked(path, modes, { permits: [`path:${path}`] });
    expect(open.problems).toEqual([]);
    expect(open.flags.join("\n")).toContain(`by permit, ${path}`);
  });

  test("one that is gone from among the product is nobody's business", async () => {
    expect(await linked("CLAUDE", [LINK, undefined])).toMatchObject({ problems: [], flags: [] });
  });

  test("one in the place of a folder with protected paths is refused whatever the permits", async () => {
    const closed = [".github/workflows/**", "**/secrets/**"];
    for (const path of [".github", ".github/workflows"])
      expect(
        (await linked(path, [undefined, LINK], { closed, permits: ["path:**"] })).problems,
      ).toEqual([`${path} is protected, whatever a plan permits: put it back`]);
    expect(
      (await linked("docs", [undefined, LINK], { closed, permits: ["path:docs"] })).problems,
    ).toEqual([]);
  });
});

test.each(["node_modules", "web/.venv", "node_modules/a/index.js", "lib/site-packages", ".venv/x"])(
  "what belongs to the environment is refused at %s, be it new, changed or gone",
  async (path) => {
    for (const [before, after] of [
      [undefined, "a"],
      ["a", "b"],
      ["a", undefined],
      [undefined, undefined],
    ])
      expect((await problems(path, before, after)).join()).toContain("is an installed package");
  },
);

describe("a permit for one gate", () => {
  const COMMANDS = { test: "npm run test", lint: "npm run lint", all: "./scripts/all.sh" };
  const manifest = (scripts: object) =>
    JSON.stringify({ scripts: { test: "vitest run", lint: "eslint .", ...scripts } });
  const gates = Object.entries(COMMANDS).map(([name, run]) => Gate.parse({ name, run }));
  const tree: Record<string, string> = {
    "package.json": manifest({}),
    "scripts/all.sh": "npm run lint\n",
    "vitest.config.ts": "export default {};\n",
    "eslint.config.js": 'export default [{ rules: { eqeqeq: "error" } }];\n',
    ".mocharc.json": "{}",
  };
  const refused = async (path: string, after: string, ...permits: string[]) => {
    const base = { paths: Object.keys(tree), read: async (name: string) => tree[name] };
    const files = [{ path, before: tree[path], after }];
    return (await checkTampering({ files, gates, closed: [], permits, base })).problems;
  };
  const LAX = 'export default [{ rules: { eqeqeq: "off" } }];\n';

  test.each<[string, string, string[]]>([
    ["vitest.config.ts", "export default { test: {} };\n", ["gates:test"]],
    ["eslint.config.js", LAX, ["gates:lint", "gates:all"]],
    ["package.json", manifest({ test: "true" }), ["gates:test"]],
    ["package.json", manifest({ lint: "true" }), ["gates:lint", "gates:all"]],
    ["scripts/all.sh", "true\n", ["gates:all"]],
    [".mocharc.json", '{ "spec": [] }', ["gates:test", "gates:lint", "gates:all"]],
    [".npmrc", "script-shell=./a.sh\n", ["gates:test", "gates:lint", "gates:all"]],
  ])("opens nothing of another: %s, %j needs %j", async (path, after, needed) => {
    const all = Object.keys(COMMANDS).map((name) => `gates:${name}`);
    expect(await refused(path, after, ...needed)).toEqual([]);
    for (const missing of needed)
      expect(await refused(path, after, ...all.filter((p) => p !== missing))).not.toEqual([]);
    const [sentence] = await refused(path, after);
    expect(sentence).toContain(
      `only the permit ${needed.map((p) => `\`${p}\``).join(" with ")} in`,
    );
  });
});

describe("a change that is slow to look at", () => {
  const many = (count: number, after: string) =>
    checkTampering({
      files: Array.from({ length: count }, (_, i) => ({
        ...{ path: `src/${i}.ts`, before: undefined, after },
      })),
      gates: GATES,
      closed: [],
      permits: ["path:**", "gates:test", "lockfile"],
      base: { paths: [], read: async () => undefined },
      bounds: { totalMs: 300, pieceMs: 200 },
    });

  test("is refused, whether one file of it takes the time or all of them do", async () => {
    const slow = "'".repeat(900_000);
    for (const [count, text] of [
      [1, `${slow}${"catch {".repeat(10_000)}`],
      [4_000, "it 'a' ".repeat(2_000)],
    ] as const) {
      const { problems: told } = await many(count, text);
      expect(told).toHaveLength(1);
      expect(told[0]).toContain("takes too long: hand in less");
    }
  });

  test("lets others have their turn between files", async () => {
    let turns = 0;
    const ticking = setInterval(() => {
      turns += 1;
    });
    await many(200, "export const a = 1;\n".repeat(500)).finally(() => clearInterval(ticking));
    expect(turns).toBeGreaterThan(10);
  });
});

test("a skip that gets another title is told to the reviewer, one that is added is refused", async () => {
  const skip = (title: string) => `test.skip("${title}", () => {});\n`;
  const retitled = await judge("a.test.js", skip("waits"), skip("waits long"));
  expect(retitled.problems).toEqual([]);
  expect(retitled.flags).toHaveLength(1);
  expect(await problems("a.test.js", skip("waits"), skip("waits") + skip("more"))).toHaveLength(1);
});

test("files are counted by what they are, from path and content", async () => {
  const paths: [string, string][] = [
    ["src/a.ts", "export const a = 1;\n"],
    ["src/check.ts", 'test("a", () => {\n  expect(1).toBe(1);\n});\n'],
    ["test/a.test.ts", ""],
    ["docs/a.md", "a"],
    ["tsconfig.json", "{}"],
    [".github/workflows/ci.yml", "a"],
    ["dist/a.js", "a"],
  ];
  const { classes } = await checkTampering({
    files: paths.map(([path, after]) => ({ path, before: undefined, after })),
    gates: GATES,
    closed: [],
    permits: [],
    base: { paths: [], read: async () => undefined },
  });
  expect(classes).toEqual({ product: 1, test: 2, docs: 1, config: 1, ci: 1, generated: 1 });
});

describe("hostile text", () => {
  const LONG = [
    "test.",
    "it ",
    "'",
    "/",
    "=/[",
    "`",
    "catch {",
    "if process.env ",
    ",   ",
    '"""',
    "\\",
    "[",
    '{"a":',
  ];
  test.each(["x.test.ts", "test_x.py", "x_test.go", "src/x.rs", "package.json", "tsconfig.json"])(
    "of any repetition is read to its end in %s",
    async (path) => {
      for (const piece of LONG) {
        const text = piece.repeat(Math.floor(40_000 / piece.length));
        await judge(path, text, text + text);
      }
    },
  );

  test("that is too long to be read is refused in a test", async () => {
    const before = 'test("a", () => {});\n';
    const sentences = await problems("a.test.js", before, before + " ".repeat(1_000_001));
    expect(sentences.join("\n")).toContain("too large to be checked");
  });

  test("in names of fields touches nothing", async () => {
    const manifest =
      '{ "__proto__": { "scripts": {} }, "constructor": 1, "scripts": { "__proto__": "a" } }';
    expect(await problems("package.json", "{}", manifest)).toEqual([]);
  });
});
