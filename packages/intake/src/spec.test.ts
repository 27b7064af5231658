import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { parseSpec, readSpec } from "./spec.ts";
import { messageOf } from "./tree-fixture.ts";

const parse = (text: string) => parseSpec({ file: "spec.md", bytes: Buffer.from(text) });

const FULL = `---
title: Totals
base: "v1.2"
budget: 2.5
gates:
  - name: test
    run: npm test
    timeout: 5m
constraints:
  - No new dependencies.
setup: [npm ci]
protected: [migrations/**]
---
# A heading

Prose.

## Acceptance criteria

- [ ] \`total\` prints the sum
      of all amounts
  - even of negative ones
- [x] Exit code 2 on bad input

### Speed
1. A million lines in a second

## Notes

- not a requirement
`;

describe("a spec", () => {
  test("gives title, front matter and requirements with the lines of the file", () => {
    const { text, ...rest } = parse(FULL);
    expect(text).toBe(FULL);
    expect(rest).toEqual({
      title: "Totals",
      base: "v1.2",
      budget: 2_500_000_000_000,
      gates: [{ name: "test", run: "npm test", timeoutS: 300 }],
      setup: ["npm ci"],
      protected: ["migrations/**"],
      constraints: ["No new dependencies."],
      requirements: [
        {
          id: "r1",
          text: "`total` prints the sum\nof all amounts\n- even of negative ones",
          span: { from: 20, to: 22 },
          source: "listed",
        },
        {
          id: "r2",
          text: "Exit code 2 on bad input",
          span: { from: 23, to: 23 },
          source: "listed",
        },
        {
          id: "r3",
          text: "A million lines in a second",
          span: { from: 26, to: 26 },
          source: "listed",
        },
      ],
    });
  });

  test.each([
    ["its front matter", "---\ntitle: One\n---\n# Two\n", "One"],
    ["its first heading", "```\n# not this\n```\n\n## Two ##\n", "Two"],
    ["its file's name", "Just prose.\n", "spec"],
  ])("takes its title from %s", (_name, text, title) => {
    expect(parse(text).title).toBe(title);
  });

  test("without an acceptance heading lists nothing: the planner proposes", () => {
    expect(parse("# Tool\n\n- a list\n- of things\n").requirements).toEqual([]);
  });

  test("may come with a byte order mark and Windows line ends", () => {
    const spec = parse("\uFEFF---\r\ntitle: One\r\n---\r\n# Requirements\r\n- a\r\n- b\r\n");
    expect(spec.title).toBe("One");
    expect(spec.requirements.map((r) => [r.text, r.span.from])).toEqual([
      ["a", 5],
      ["b", 6],
    ]);
  });
});

describe("requirements are found", () => {
  test.each([
    ["under requirements", "## Functional Requirements\n* a\n+ b", ["a", "b"]],
    ["under definition of done", "# Definition of Done\n1) a\n2) b", ["a", "b"]],
    ["under acceptance", "### ACCEPTANCE TESTS\n- a", ["a"]],
    ["in a non-functional section", "## Non-functional requirements\n- a", ["a"]],
    ["not among non-requirements", "## Non-requirements\n- a", []],
    ["not in a section out of scope", "## Requirements out of scope\n- a", []],
    ["not after the section", "## Acceptance\n- a\n## Later\n- b", ["a"]],
    ["in several sections", "## Requirements\n- a\n## Else\n- x\n## Acceptance\n- b", ["a", "b"]],
    ["across blank lines", "## Acceptance\n\n- a\n\n- b\n", ["a", "b"]],
    ["with lazy continuation", "## Acceptance\n- a\nstill a\n- b", ["a\nstill a", "b"]],
    ["with an indented paragraph", "## Acceptance\n- a\n\n  more\n- b", ["a\nmore", "b"]],
    ["without a paragraph that follows", "## Acceptance\n- a\n\nProse.\n- b", ["a", "b"]],
    ["without items of a code fence", "## Acceptance\n```\n- x\n```\n- a", ["a"]],
    [
      "with the code fence that belongs to them",
      "## Acceptance\n- a\n  ```\n  # x\n  - y\n  ```\n- b",
      ["a\n```\n# x\n- y\n```", "b"],
    ],
    ["indented as a whole", "## Acceptance\n  - a\n    - a1\n  - b", ["a\n- a1", "b"]],
    ["with tabs", "## Acceptance\n- a\n\t- a1\n- b", ["a\n- a1", "b"]],
    ["but not where an item is empty", "## Acceptance\n-\n- a", ["a"]],
  ])("%s", (_name, text, expected) => {
    expect(parse(text).requirements.map((r) => r.text)).toEqual(expected);
  });
});

describe("a bad spec is refused with place and remedy", () => {
  const field = (line: string) => `---\ntitle: T\n${line}\n---\n# T\n`;
  test.each<[string, string | Uint8Array, RegExp]>([
    ["empty", "", /^spec\.md: is empty\n {2}Describe what to build/],
    ["blank", " \n\t\n", /^spec\.md: is empty/],
    ["front matter alone", "---\ntitle: T\n---\n\n", /^spec\.md: has front matter but no text/],
    ["binary", Uint8Array.of(0x89, 0x50, 0, 1), /^spec\.md: is binary, not text/],
    ["not UTF-8", Uint8Array.of(0x61, 0xff, 0xfe), /^spec\.md: is not valid UTF-8/],
    ["too big", new Uint8Array(10_000_000).fill(97), /^spec\.md: is 10\.0 MB, at most 1\.0 MB/],
    ["unclosed front matter", "---\ntitle: T\n", /^spec\.md:1: the front matter has no end/],
    ["broken YAML", field("a: [1"), /^spec\.md:\d: is not valid YAML: /],
    ["a repeated field", field("title: U"), /^spec\.md:3: is not valid YAML: .*unique/],
    [
      "an unknown field",
      field("owner: me"),
      /^spec\.md:3: owner: is not a known field\n {2}Known fields: title, base/,
    ],
    [
      "a misspelt field",
      field("buget: 3"),
      /^spec\.md:3: buget: is not a known field\n {2}Did you mean budget\?/,
    ],
    [
      "a negative budget",
      field("budget: -5"),
      /^spec\.md:3: budget: expected more than 0 US dollars, got -5\n {2}Write for example:\n {4}budget: 20$/,
    ],
    ["no budget at all", field("budget: 0"), /^spec\.md:3: budget: expected more than 0/],
    [
      "a budget in words",
      field("budget: much"),
      /^spec\.md:3: budget: expected a number of US dollars, got "much"/,
    ],
    ["a budget that is no number", field("budget: .nan"), /^spec\.md:3: budget: expected/],
    [
      "an empty list of gates",
      field("gates: []"),
      /^spec\.md:3: gates: expected at least one gate/,
    ],
    [
      "a gate without a command",
      field("gates:\n  - name: test"),
      /^spec\.md:4: gates\[0\]\.run: expected a command, got nothing/,
    ],
    [
      "a gate with a bad name",
      field("gates:\n  - run: x\n    name: A b"),
      /^spec\.md:5: gates\[0\]\.name: expected lower-case letters/,
    ],
    [
      "two gates of one name",
      field("gates:\n  - {name: a, run: x}\n  - {name: a, run: y}"),
      /^spec\.md:5: gates\[1\]\.name: expected a name that no other gate has, got "a"/,
    ],
    [
      "a timeout without end",
      field("gates:\n  - {name: a, run: x, timeout: 3d}"),
      /^spec\.md:4: gates\[0\]\.timeout: expected 1 second to 2 hours/,
    ],
    [
      "a base that YAML reads as a number",
      field("base: 1234567"),
      /^spec\.md:3: base: expected a branch, tag or commit in quotes, got 1234567/,
    ],
    [
      "an excluding glob",
      field('protected: ["!src"]'),
      /^spec\.md:3: protected\[0\]: expected a glob, but it excludes/,
    ],
    ["a list as front matter", "---\n- a\n---\n# T\n", /^spec\.md:2: expected object, got \["a"\]/],
    [
      "many aliases",
      field(
        "a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\ne: [*d,*d,*d]",
      ),
      /^spec\.md:\d: is not valid YAML: Excessive alias count/,
    ],
    [
      "more requirements than a run can hold",
      `# Requirements\n${"- a\n".repeat(301)}`,
      /^spec\.md:302: lists 301 requirements, at most 300/,
    ],
    [
      "an endless requirement",
      `# Requirements\n- ${"a".repeat(4001)}`,
      /^spec\.md:2: this requirement has 4001 characters/,
    ],
  ])("%s", async (_name, content, message) => {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    expect(await messageOf(() => parseSpec({ file: "spec.md", bytes }))).toMatch(message);
    expect(() => parseSpec({ file: "spec.md", bytes })).toThrow(UserError);
  });

  test("deep nesting", async () => {
    expect(await messageOf(() => parse(field(`a: ${"[".repeat(100_000)}`)))).toMatch(
      /^spec\.md:\d: is not valid YAML/,
    );
  });
});

test("a spec file is read from disk; a missing one or a folder is refused", async () => {
  const dir = await mkdtemp(join(tmpdir(), "headrace-spec-"));
  try {
    const file = join(dir, "spec.md");
    await writeFile(file, "# Tool\n");
    expect((await readSpec(file)).title).toBe("Tool");
    expect(await messageOf(() => readSpec(join(dir, "none.md")))).toBe(
      `${dir}/none.md: does not exist\n  Name the Markdown file that holds the spec.`,
    );
    expect(await messageOf(() => readSpec(dir))).toMatch(/: is not a file/);
    await writeFile(file, Buffer.alloc(10_000_000, "a"));
    expect(await messageOf(() => readSpec(file))).toMatch(/: is 10\.0 MB/);
  } finally {
    await rm(dir, { recursive: true });
  }
});
