import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { openReportedFolder, type ReportedFolder } from "../support/gate-reports.ts";
import { NO_NPM } from "../support/needs.ts";

const install = (folder: ReportedFolder, name: string) => {
  const args = ["install", "--no-audit", "--no-fund", "--silent", name];
  const done = spawnSync("npm", args, { cwd: folder.dir, encoding: "utf8" });
  if (done.status !== 0) throw new Error(`npm install ${name}: ${done.stderr}`);
};

/** The same tests for each runner, whose words for them are nearly the same. */
const tests = (header: string, todo: string) => `${header}
it("works", () => {});
${todo};
describe("suite", () => {
  it("inner", () => {});
  it.skip("left", () => {});
  it("bad", () => { if (!process.env.GOOD) throw new Error("bad"); });
});
`;

const told = (file: string, todo: string) => [
  `${todo} ${file} > later`,
  `failed ${file} > suite > bad`,
  `passed ${file} > suite > inner`,
  `skipped ${file} > suite > left`,
  `passed ${file} > works`,
];

const CONFIG = '["dot", ["junit", { outputFile: "out.xml" }]]';

test.skipIf(NO_NPM).each(["1", "2", "3", "4"])(
  "vitest %s tells each test (needs npm)",
  async (version) => {
    await using folder = await openReportedFolder();
    await folder.file("package.json", '{"private":true,"type":"module"}');
    install(folder, `vitest@${version}`);
    await folder.file(
      "a.test.ts",
      tests('import { describe, it } from "vitest";', 'it.todo("later")'),
    );
    const plain = await folder.run("npx vitest run");
    expect(plain.out).toMatch(/Tests .*1 failed/);
    expect(plain.tests).toEqual(told("a.test.ts", "todo"));

    await folder.file("vitest.config.js", `export default { test: { reporters: ${CONFIG} } };`);
    const configured = await folder.run("npx vitest run >/dev/null; cat out.xml");
    expect(configured.out).toContain("<testsuites");
    expect(configured.tests).toEqual(told("a.test.ts", "todo"));
  },
);

test.skipIf(NO_NPM).each(["27", "28", "29", "30"])(
  "jest %s tells each test (needs npm)",
  async (version) => {
    await using folder = await openReportedFolder();
    await folder.file("package.json", '{"private":true,"scripts":{"test":"jest"}}');
    install(folder, `jest@${version}`);
    await folder.file("a.test.js", tests("", 'it.todo("later")'));
    const plain = await folder.run("npm test -- --verbose");
    expect(plain.err).toMatch(/Tests: .*1 failed/);
    expect(plain.exitCode).toBe(1);
    expect(plain.tests).toEqual(told("a.test.js", "todo"));

    const own = "module.exports = class { onRunComplete() { console.log('own reporter'); } };";
    await folder.file("own.js", own);
    await folder.file("jest.config.js", 'module.exports = { reporters: ["./own.js"] };');
    const configured = await folder.run("node_modules/.bin/jest");
    expect([configured.out, configured.err]).toEqual(["own reporter\n", ""]);
    expect(configured.tests).toEqual(told("a.test.js", "todo"));

    await folder.file("b.test.js", 'it("ends", () => { process.exit(0); });');
    const ended = await folder.run("node_modules/.bin/jest --runInBand");
    expect(ended).toMatchObject({ exitCode: 0, answer: { kind: "unreadable" } });
  },
);

test.skipIf(NO_NPM).each(["9", "10", "11", "12"])(
  "mocha %s tells each test (needs npm)",
  async (version) => {
    await using folder = await openReportedFolder();
    await folder.file("package.json", '{"private":true,"type":"module"}');
    install(folder, `mocha@${version}`);
    await folder.file("test/a.js", tests("", 'it("later")'));
    // with an option of Node's, mocha starts itself once more
    for (const options of ["", "--reporter dot --parallel", "--expose-gc"]) {
      const { exitCode, tests } = await folder.run(`npx mocha ${options}`);
      expect([exitCode, tests]).toEqual([1, told("test/a.js", "skipped")]);
    }
    await folder.file("test/b.js", 'it("ends", () => { process.exit(0); });');
    const ended = await folder.run("npx mocha --reporter min", { GOOD: "1" });
    expect(ended).toMatchObject({ exitCode: 0, answer: { kind: "unreadable" } });
  },
);
