import type { Syntax } from "./source.ts";

/**
 * How tests look in a language: patterns over code whose comments and strings are blanks. Each is linear: no
 * repetition holds another, and every gap is bounded.
 */
export type Language = {
  name: string;
  extensions: readonly string[];
  syntax: Syntax;
  /** one match for each test that is declared */
  tests: RegExp;
  /** one match for each test that is kept from running, or keeps the others from it */
  skips: readonly RegExp[];
  /** one match for each thing that is asserted */
  asserts: RegExp;
  /** what declares a test's or a suite's name where no string does, after a marker */
  named?: RegExp;
  /** how blocks stand within blocks, where tests in a function that nobody calls can be told */
  nesting?: "braces" | "indents";
  /** names of files that its runners collect */
  collected: readonly RegExp[];
};

const DOUBLE = { open: '"', close: '"', escapes: true };
const SINGLE = { open: "'", close: "'", escapes: true };
const C_LIKE = { line: ["//"], block: [["/*", "*/"]] } as const;

const JAVASCRIPT: Language = {
  name: "JavaScript",
  extensions: ["js", "cjs", "mjs", "jsx", "ts", "cts", "mts", "tsx", "vue", "svelte"],
  syntax: {
    ...C_LIKE,
    quotes: [DOUBLE, SINGLE, { open: "`", close: "`", escapes: true, lines: true }],
    regex: true,
  },
  tests:
    /(?<![\w$.])(?:(?:test|it|specify)(?:\s{0,40}\.\s{0,40}(?:each|for|concurrent|sequential|only|skip|todo|fails|failing|skipIf|runIf|extend)){0,4}\s{0,40}[(`]|Deno\.test\s{0,40}\()/g,
  skips: [
    /(?<![\w$.])(?:test|it|specify|describe|suite|context)(?:\s{0,40}\.\s{0,40}(?:concurrent|sequential|each|for|parallel)){0,3}\s{0,40}\??\.\s{0,40}(?:skip|only|todo|fixme|fails|failing|skipIf|runIf)\b/g,
    /(?<![\w$.])(?:test|it|specify|describe|suite|context)(?:\s{0,40}\.\s{0,40}(?:concurrent|sequential|each)){0,3}\s{0,40}\[\s{0,40}["'`]\s{4,6}["'`]\s{0,40}\]/g,
    /(?<![\w$.])(?:xit|xtest|xdescribe|xcontext|xspecify|fit|fdescribe|fcontext)\s{0,40}[(.]/g,
    /(?<![\w$.])(?:t|ctx|this)\s{0,40}\.\s{0,40}(?:skip|todo)\s{0,40}\(/g,
    /(?<![\w$.])\w{1,60}\s{0,40}\.\s{0,40}(?:skip|todo)\s{0,40}\(\s{0,40}(?:["'`][^"'`\n]{0,400}["'`]\s{0,40})?\)/g,
    /\{[^{}]{0,200}\b(?:skip|only|todo)\b[^{}]{0,200}\}\s{0,40}=\s{0,40}(?:test|it|describe|suite)\b/g,
    /(?<![\w$.])(?:test|it|specify|describe|suite)\s{0,40}\([^,(){}]{0,400},\s{0,40}\{[^{}]{0,200}\b(?:skip|todo|only)\s{0,40}:(?!\s{0,40}false\b)/g,
  ],
  asserts:
    /(?<![\w$])(?:expect|assert|should|t\.(?:is|deepEqual|truthy|throws))(?:\s{0,40}\.\s{0,40}\w{1,40}){0,3}\s{0,40}\(/g,
  nesting: "braces",
  collected: [
    /\.(?:test|spec|cy|e2e)\.[cm]?[jt]sx?$/,
    /(?:^|\/)__tests__\/.*\.[cm]?[jt]sx?$/,
    /(?:^|\/)tests?\/.*\.[cm]?[jt]sx?$/,
    /(?:^|\/)(?:test|test-[^/]*|[^/]*[-_]test)\.[cm]?[jt]s$/,
  ],
};

const PYTHON: Language = {
  name: "Python",
  extensions: ["py", "pyi"],
  syntax: {
    line: ["#"],
    block: [],
    quotes: [
      { open: '"""', close: '"""', escapes: true, lines: true },
      { open: "'''", close: "'''", escapes: true, lines: true },
      DOUBLE,
      SINGLE,
    ],
  },
  tests: /^[ \t]*(?:async[ \t]{1,8})?def[ \t]{1,8}test\w*\s{0,8}\(/gm,
  skips: [
    /\bmark\s{0,8}\.\s{0,8}(?:skip|skipif|xfail)\b/g,
    /\bpytest\s{0,8}\.\s{0,8}(?:skip|xfail|importorskip|exit)\b/g,
    /\bunittest\s{0,8}\.\s{0,8}(?:skip\w*|expectedFailure|SkipTest)\b/g,
    /@\s{0,8}(?:skip|skipIf|skipUnless|expectedFailure)\b/g,
    /@\s{0,8}(?!pytest\b|mark\b|unittest\b)[\w.]{1,60}\.(?:skip|skipif|xfail)\b/g,
    /\bimport\b[^\n]{0,200}\b(?:skip|xfail|importorskip|skipIf|skipUnless|expectedFailure)\b/g,
    /\b(?:skipTest\s{0,8}\(|raise\s{1,8}SkipTest\b)/g,
    /\b__test__\s{0,8}=\s{0,8}(?:False|0)\b/g,
    /^[ \t]*del\b[^\n]{0,200}?\b(?:test|Test)\w{0,200}/gm,
    /^[ \t]*(?:test|Test)\w{0,200}[ \t]{0,8}=[ \t]{0,8}(?:None|False|0|lambda)\b/gm,
  ],
  asserts:
    /\b(?:assert\b|self\s{0,8}\.\s{0,8}assert\w{1,40}\s{0,8}\(|pytest\s{0,8}\.\s{0,8}raises\b)/g,
  named: /\b(?:def|class)[ \t]{1,8}(\w{1,200})/g,
  nesting: "indents",
  collected: [/(?:^|\/)test_[^/]*\.py$/, /_test\.py$/, /(?:^|\/)tests?\.py$/],
};

const GO: Language = {
  name: "Go",
  extensions: ["go"],
  syntax: { ...C_LIKE, quotes: [DOUBLE, SINGLE, { open: "`", close: "`", lines: true }] },
  tests: /^func[ \t]{1,8}(?:Test|Fuzz|Example|Benchmark)\w*\s{0,8}\(/gm,
  skips: [/\b[tbf]\s{0,8}\.\s{0,8}Skip(?:f|Now)?\s{0,8}\(/g],
  asserts:
    /\b(?:t\s{0,8}\.\s{0,8}(?:Error|Fatal)\w{0,8}|(?:assert|require)\s{0,8}\.\s{0,8}\w{1,40})\s{0,8}\(/g,
  collected: [/_test\.go$/],
};

const RUST: Language = {
  name: "Rust",
  extensions: ["rs"],
  syntax: {
    ...C_LIKE,
    quotes: [
      { open: 'r##"', close: '"##', lines: true },
      { open: 'r#"', close: '"#', lines: true },
      { ...DOUBLE, lines: true },
      SINGLE,
    ],
    shortChars: true,
  },
  tests: /#\s{0,8}\[\s{0,8}(?:\w{1,40}::)?(?:test|rstest|test_case|proptest)\b/g,
  skips: [
    /#\s{0,8}\[\s{0,8}ignore\b/g,
    /#\s{0,8}\[\s{0,8}cfg_attr\s{0,8}\([^\]]{0,200}\bignore\b/g,
    /#\s{0,8}\[\s{0,8}cfg\s{0,8}\(\s{0,8}(?:any\s{0,8}\(\s{0,8}\)|not\s{0,8}\(\s{0,8}test\b)/g,
  ],
  asserts: /\bassert\w{0,40}!/g,
  named: /\b(?:fn|mod)[ \t]{1,8}(\w{1,200})/g,
  collected: [/(?:^|\/)tests\/.*\.rs$/, /(?:^|\/)tests?\.rs$/],
};

const JAVA: Language = {
  name: "Java",
  extensions: ["java", "kt", "kts", "groovy", "scala", "cs"],
  syntax: {
    ...C_LIKE,
    quotes: [{ open: '"""', close: '"""', escapes: true, lines: true }, DOUBLE, SINGLE],
  },
  tests: /@\s{0,8}(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Property)\b/g,
  skips: [
    /@\s{0,8}(?:Disabled\w{0,60}|Ignore|EnabledIf\w{0,60})\b/g,
    /\b(?:assumeTrue|assumeFalse|assumeThat|assumingThat)\s{0,8}\(/g,
    /@\s{0,8}Test\s{0,8}\([^)]{0,200}\benabled\s{0,8}=\s{0,8}false\b/g,
  ],
  asserts: /\b(?:assert\w{0,40}|verify|fail)\s{0,8}\(/g,
  named: /\b(?:void|fun|class)\s{1,8}(\w{1,200})/g,
  collected: [
    /(?:Tests?|IT|Spec)\.(?:java|kt|groovy|scala)$/,
    /(?:^|\/)src\/test\//,
    /Tests?\.cs$/,
  ],
};

const RUBY: Language = {
  name: "Ruby",
  extensions: ["rb"],
  syntax: { line: ["#"], block: [["\n=begin", "\n=end"]], quotes: [DOUBLE, SINGLE] },
  tests:
    /^[ \t]*(?:(?:it|specify|test|should|scenario|fit|xit|fscenario|xscenario)[ \t(]|def[ \t]{1,8}test_)/gm,
  skips: [
    /^[ \t]*(?:xit|xspecify|xdescribe|xcontext|xscenario|fit|fspecify|fdescribe|fcontext|fscenario|pending|skip)\b/gm,
    /[,(]\s{0,8}(?:skip|pending|focus)\s{0,8}:(?!\s{0,8}false\b)/g,
    /,\s{0,8}:(?:skip|pending|focus)\b/g,
  ],
  asserts: /\b(?:expect|assert\w{0,40}|refute\w{0,40})[ \t(]/g,
  named: /\bdef[ \t]{1,8}(\w{1,200})/g,
  collected: [/_(?:spec|test)\.rb$/, /(?:^|\/)test_[^/]*\.rb$/],
};

const SHELL: Language = {
  name: "shell",
  extensions: ["bats"],
  syntax: {
    line: ["#"],
    block: [],
    quotes: [
      { ...DOUBLE, lines: true },
      { open: "'", close: "'", lines: true },
    ],
  },
  tests: /^[ \t]*@test\b/gm,
  skips: [/^[ \t]*skip\b/gm],
  asserts: /^[ \t]*(?:\[|assert\w{0,40}\b|run\b)/gm,
  collected: [/\.bats$/],
};

const LANGUAGES: readonly Language[] = [JAVASCRIPT, PYTHON, GO, RUST, JAVA, RUBY, SHELL];

const BY_EXTENSION = new Map(
  LANGUAGES.flatMap((language) => language.extensions.map((extension) => [extension, language])),
);

export const languageOf = (path: string): Language | undefined =>
  BY_EXTENSION.get(path.slice(path.lastIndexOf(".") + 1).toLowerCase());

/** Which of its language's rules a runner collects a file by; undefined for what no runner looks for. */
export const collectedBy = (path: string): RegExp | undefined =>
  languageOf(path)?.collected.find((pattern) => pattern.test(path));
