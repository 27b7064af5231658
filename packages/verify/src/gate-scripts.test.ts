import { Gate } from "@headrace/domain";
import { expect, test } from "vitest";
import { changedGateScripts } from "./gate-scripts.ts";

const OLD = {
  test: "npm run lint && vitest run",
  lint: "biome check",
  pretest: "tsc",
  start: "node index.js",
};

/** What is held against a change of package.json's scripts. */
const changing = (scripts: Record<string, string> | undefined, run = "npm test", permits = [""]) =>
  changedGateScripts({
    path: "package.json",
    before: JSON.stringify({ scripts: OLD }),
    after: scripts && JSON.stringify({ scripts }),
    gates: [Gate.parse({ name: "test", run })],
    permits,
  }).map((problem) => /"(.*)"/.exec(problem)?.[1]);

test("a script that a gate runs stays as it was, and so do those it runs and those npm runs with it", () => {
  expect(changing({ ...OLD, test: "true" })).toEqual(["test"]);
  expect(changing({ ...OLD, lint: "true" })).toEqual(["lint"]);
  expect(changing({ ...OLD, pretest: "rm -r test" })).toEqual(["pretest"]);
  expect(changing({ start: OLD.start })).toEqual(["test", "lint", "pretest"]);
  expect(changing(undefined)).toEqual(["test", "lint", "pretest"]);
});

test("scripts that no gate runs are the coder's, and so is a script that was not there", () => {
  expect(changing({ ...OLD, start: "node main.js", build: "tsc -b" })).toEqual([]);
  expect(changing({ ...OLD, test: "true" }, "npx vitest run")).toEqual([]);
  expect(changing({ ...OLD, typecheck: "tsc" }, "npm run typecheck")).toEqual([]);
});

test("a permit for a gate's configuration or for the file opens them", () => {
  const loose = { ...OLD, test: "vitest run" };
  expect(changing(loose, "npm test", ["gates:test"])).toEqual([]);
  expect(changing(loose, "npm test", ["path:package.json"])).toEqual([]);
  expect(changing(loose, "npm test", ["lockfile"])).toEqual(["test"]);
});
