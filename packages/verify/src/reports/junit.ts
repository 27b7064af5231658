import sax from "sax";
import { boundTold, type TestOutcome, type Told, UnreadableReport } from "./test-report.ts";

const MAX_DEPTH = 64;

/** What a test case holds that says more than that it ran. */
const OUTCOMES: ReadonlyMap<string, TestOutcome> = new Map([
  ["failure", "failed"],
  ["error", "failed"],
  ["skipped", "skipped"],
]);

/**
 * A report in the form of JUnit's XML: `testcase` elements at any depth, named by their file or class, with `failure`,
 * `error` or `skipped` in them. Throws `UnreadableReport` for what is no such report. No document type is read, so that no
 * entity is expanded.
 */
export const readJUnit = (bytes: Uint8Array): Told[] => {
  const parser = sax.parser(true);
  const open: string[] = [];
  const told: Told[] = [];
  let current: Told | undefined;
  let begun = false;
  const refuse = (reason: string) => {
    throw new UnreadableReport(reason);
  };
  parser.onerror = (cause) => {
    throw new UnreadableReport("it is no XML", { cause });
  };
  parser.ondoctype = () => refuse("it declares a document type");
  parser.onopentag = ({ name, attributes }) => {
    if (!begun && name !== "testsuites" && name !== "testsuite")
      refuse("it does not begin as a JUnit report does");
    begun = true;
    if (open.push(name) > MAX_DEPTH) refuse("it is nested too deep");
    const of = (attribute: string): string => String(attributes[attribute] ?? "");
    if (name === "testcase") {
      const parts = [of("file"), of("classname"), of("name")].filter((part) => part !== "");
      current = { name: parts.join(" > "), outcome: "passed" };
      told.push(current);
      boundTold(told.length);
    } else if (current !== undefined && open.at(-2) === "testcase" && current.outcome !== "failed")
      current.outcome = OUTCOMES.get(name) ?? current.outcome;
  };
  parser.onclosetag = (name) => {
    open.pop();
    if (name === "testcase") current = undefined;
  };
  try {
    parser.write(new TextDecoder("utf-8", { fatal: true }).decode(bytes)).close();
  } catch (cause) {
    if (cause instanceof UnreadableReport) throw cause;
    throw new UnreadableReport("it is no XML in UTF-8", { cause });
  }
  if (!begun) refuse("it is empty");
  return told;
};
