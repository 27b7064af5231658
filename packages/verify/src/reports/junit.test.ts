import { describe, expect, test } from "vitest";
import { readJUnit } from "./junit.ts";
import { reportOf } from "./test-report.ts";

const read = (xml: string | Uint8Array) =>
  reportOf(
    "junit",
    readJUnit(typeof xml === "string" ? new TextEncoder().encode(xml) : xml),
  ).tests.map(({ name, outcome }) => `${outcome} ${name}`);

const BOMB = `<?xml version="1.0"?>
<!DOCTYPE testsuites [
  <!ENTITY a "haha">
  ${Array.from({ length: 9 }, (_, i) => `<!ENTITY b${i} "${i === 0 ? "&a;" : `&b${i - 1};`.repeat(10)}">`).join("\n  ")}
]>
<testsuites><testsuite><testcase name="&b8;"/></testsuite></testsuites>`;

test("JUnit XML tells each case by its file or class, and how it ended", () => {
  expect(
    read(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="5"><testsuite name="s"><properties><property name="failure" value="x"/></properties>
<testcase classname="a.B" name="ok &lt;1&gt;" time="0.1"><system-out><![CDATA[<failure/>]]></system-out></testcase>
<testcase classname="a.B" name="bad"><failure message="no">trace</failure></testcase>
<testcase classname="a.B" name="worse"><skipped/><error/></testcase>
<testsuite name="inner"><testcase file="x.rb" name="left"><skipped/></testcase></testsuite>
<testcase name="deep"><system-out><failure/></system-out></testcase>
</testsuite></testsuites>`),
  ).toEqual([
    "failed a.B > bad",
    "passed a.B > ok <1>",
    "failed a.B > worse",
    "passed deep",
    "skipped x.rb > left",
  ]);
});

describe("JUnit XML is refused", () => {
  test.each([
    ["that declares a document type, before any entity is looked at", BOMB],
    ["that names a file of the system", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuites/>'],
    ["that is cut", "<testsuites><testsuite><testcase name='a'/>"],
    ["that is cut in a tag", "<testsuites><testsuite><testcase na"],
    ["that is empty", ""],
    ["that is JSON", '{"tests":[]}'],
    ["that is another kind of XML", "<html><testcase name='a'/></html>"],
    ["with an entity of its own", "<testsuite><testcase name='&mine;'/></testsuite>"],
    ["with an attribute given twice", "<testsuite><testcase name='a' name='b' <</testsuite>"],
    ["of two roots", "<testsuite/><testsuite/>x<"],
    ["that is not UTF-8", new Uint8Array([0x3c, 0xff, 0xfe])],
    ["that nests without end", `<testsuites>${"<testsuite>".repeat(100_000)}`],
  ])("%s", (_, xml) => {
    expect(() => read(xml)).toThrow(/^it /);
  });
});

test("names that mean something to JavaScript are names", () => {
  expect(
    read(
      "<testsuite><testcase __proto__='x' name='__proto__'><constructor/></testcase></testsuite>",
    ),
  ).toEqual(["passed __proto__"]);
});
