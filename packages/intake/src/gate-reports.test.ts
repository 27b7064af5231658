import { Gate } from "@headrace/domain";
import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";
import { messageOf } from "./tree-fixture.ts";

const parse = (report: string) =>
  parseConfig({
    file: "headrace.yaml",
    text: `gates:\n  - name: test\n    run: make test\n    report: ${report}\n`,
  });

test("a gate may say that its command writes JUnit XML", () => {
  expect(parse("junit").gates).toEqual([
    { name: "test", run: "make test", timeoutS: 600, report: "junit" },
  ]);
});

test.each(["tap", "false", "[junit]"])(
  "another form of report, %s, is refused with an example",
  async (report) => {
    expect(await messageOf(() => parse(report))).toMatch(
      /^headrace\.yaml:4: gates\[0\]\.report: expected junit, got .*\n {2}Write for example:\n {4}gates:\n.*\n.*\$HEADRACE_REPORTS.*\n {8}report: junit/,
    );
  },
);

test("a gate that says nothing of reports is frozen as it was before there was this field", () => {
  expect(Object.keys(Gate.parse({ name: "test", run: "make test" }))).toEqual([
    "name",
    "run",
    "timeoutS",
  ]);
});
