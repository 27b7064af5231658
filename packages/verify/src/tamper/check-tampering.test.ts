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
