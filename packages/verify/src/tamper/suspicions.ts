import { addedLines, type ChangedFile, type Suspicion } from "./change.ts";
import type { FileClass } from "./classes.ts";
import { languageOf } from "./languages.ts";
import { lineCounter, MAX_SOURCE, readSource, type Source } from "./source.ts";

type Classed = ChangedFile & { class: FileClass };

/** A file's text, in one of the ways that signs look at it. */
type Views = Source & { text: string };

type Sign = {
  in: readonly FileClass[];
  /** looks at code alone, or also at what stands in strings, or at all of it */
  of: keyof Views;
  pattern: RegExp;
  what: string;
};

/** What honest work seldom needs and cheats often do; counted before and after, so that only what is new is told. */
const SIGNS: readonly Sign[] = [
  {
    in: ["product", "test"],
    of: "plain",
    pattern:
      /\bNODE_ENV\b.{0,20}["']test["']|["']test["'].{0,20}\bNODE_ENV\b|\b(?:VITEST|VITEST_WORKER_ID|JEST_WORKER_ID|NODE_TEST_CONTEXT|PYTEST_CURRENT_TEST|PYTEST_VERSION)\b|["'](?:pytest|unittest)["']\s{0,8}(?:not\s{1,8})?in\s{1,8}sys\.modules|\btesting\.Testing\(\)/g,
    what: "behaves otherwise when it is tested",
  },
  {
    in: ["product"],
    of: "code",
    pattern:
      /\b(?:sys\._getframe|inspect\.(?:stack|currentframe)|Error\(\)\.stack|prepareStackTrace|runtime\.Caller)\b/g,
    what: "looks at who calls it",
  },
  {
    in: ["product", "test"],
    of: "code",
    pattern:
      /\b(?:process\.(?:exit|reallyExit)\s{0,8}\(|process\.exitCode\s{0,8}=|os\._exit\s{0,8}\(|sys\.exit\s{0,8}\(\s{0,8}0?\s{0,8}\)|os\.Exit\s{0,8}\(\s{0,8}0|process::exit\s{0,8}\(\s{0,8}0)/g,
    what: "ends the process, which can end a test run early",
  },
  {
    in: ["product", "test"],
    of: "code",
    pattern:
      /(?:\b(?:globalThis|global|window)\s{0,8}\.\s{0,8}(?:expect|assert|test|it|describe|Date|performance|setTimeout)|\b(?:assert|expect)\s{0,8}\.\s{0,8}\w{1,40}|\bunittest\.TestCase\.\w{1,40}|\bDate\.now|\bbuiltins\.\w{1,40}|\btime\.(?:time|monotonic|perf_counter)|\b(?:Object|Array|String|Number|Function|Promise)\.prototype\.\w{1,40})\s{0,8}=(?![=>])/g,
    what: "replaces what tests rely on",
  },
  {
    in: ["product", "test"],
    of: "plain",
    pattern:
      /\bSymbol\.toPrimitive\b|\basymmetricMatch\b|\bdef\s{1,8}__(?:eq|ne|bool)__\b|\bdef\s{1,8}pytest_\w{1,40}|\bpytest_plugins\b|\bcollect_ignore|\b_pytest\b|\bsys\.modules\s{0,8}\[|\bexpect\.extend\b/g,
    what: "redefines how things compare or how tests report",
  },
  {
    in: ["test"],
    of: "code",
    pattern:
      /\bcatch\s{0,8}(?:\([^(){}]{0,100}\)\s{0,8})?\{\s{0,200}\}|\bexcept\b[^:\n]{0,100}:\s{0,200}(?:pass|\.\.\.)(?!\w)|\bcontextlib\.suppress\b|\brescue\b[^\n]{0,100}\n\s{0,100}end\b/g,
    what: "swallows what fails in a test",
  },
  {
    in: ["test"],
    of: "plain",
    pattern:
      /\b(?:vi|jest)\s{0,8}\.\s{0,8}(?:do)?[mM]ock\s{0,8}\(\s{0,40}(?:import\s{0,8}\(\s{0,8})?["'`][.@~#/]|\bmock\.module\s{0,8}\(\s{0,40}["'`][.@~#/]|\b(?:mock\.)?patch(?:\.object)?\s{0,8}\(|\bmonkeypatch\.setattr\s{0,8}\(/g,
    what: "puts a stand-in in place of a module of this repository",
  },
  {
    in: ["test"],
    of: "code",
    pattern:
      /\bexpect\s{0,8}\(\s{0,8}(?:true|1)\s{0,8}\)|\bassert\s{1,8}(?:True|1)\s{0,8}$|\bassert(?:\.ok)?\s{0,8}\(\s{0,8}(?:true|1)\s{0,8}[,)]|\bassertTrue\s{0,8}\(\s{0,8}(?:True|true)\s{0,8}\)/gm,
    what: "asserts what is always true",
  },
  {
    in: ["test"],
    of: "code",
    pattern:
      /\bif\b[^\n]{0,100}\b(?:process\.env|os\.environ|os\.getenv|os\.Getenv|env::var)\b|\bif\s{0,8}\(?\s{0,8}(?:false|False|0)\s{0,8}[):]/g,
    what: "runs only on a condition that has nothing to do with the test",
  },
  {
    in: ["test"],
    of: "code",
    pattern:
      /\b(?:writeFile(?:Sync)?|appendFile(?:Sync)?)\s{0,8}\(\s{0,40}(?:__dirname|__filename|import\.meta|process\.cwd)|\bopen\s{0,8}\(\s{0,8}__file__/g,
    what: "writes beside itself, so that a second run can find what a first one left",
  },
  {
    in: ["product"],
    of: "plain",
    pattern:
      /\b(?:raise\s{1,8}NotImplementedError\b|todo!\s{0,8}\(|unimplemented!\s{0,8}\(|[Ee]rror\s{0,8}\(\s{0,8}["'`][^"'`\n]{0,40}\bnot (?:yet )?implemented\b)/gi,
    what: "leaves something unbuilt",
  },
  {
    in: ["product"],
    of: "text",
    pattern: /(?:\/\/|#|\/?\*)[^\n]{0,100}?\b(?:TODO|FIXME|XXX)\b/g,
    what: "leaves something unbuilt, a comment says",
  },
  {
    in: ["test"],
    of: "code",
    pattern:
      /(?<![\w.])(?:(?:globals|vars)\s{0,8}\(\s{0,8}\)|(?:del|set)attr\s{0,8}\(|unregister\s{0,8}\()/g,
    what: "takes names away, or puts others there, while it is loaded",
  },
  {
    in: ["product", "test", "config"],
    of: "plain",
    pattern: /\b(?:test-results|junit|report|results)[\w.-]{0,40}\.(?:xml|json|tap)\b/g,
    what: "names a file that looks like a test report",
  },
];

const readingOf = (path: string, text: string | undefined): Views => {
  const language = languageOf(path);
  if (language === undefined || text === undefined || text.length > MAX_SOURCE)
    return { code: "", plain: "", text: "" };
  return { ...readSource(text, language.syntax), text };
};

const signs = (file: Classed, was: Views, is: Views): Suspicion[] =>
  SIGNS.flatMap((sign): Suspicion[] => {
    if (!sign.in.includes(file.class)) return [];
    const old = was[sign.of].match(sign.pattern)?.length ?? 0;
    const now = [...is[sign.of].matchAll(sign.pattern)];
    const [newest] = now.slice(old);
    if (newest === undefined) return [];
    return [{ path: file.path, line: lineCounter(is.code)(newest.index), what: sign.what }];
  });

/** Expectations of tests that were there before and read otherwise now, or nowhere. */
const changedExpectations = (file: Classed, was: Source, is: Source): Suspicion[] => {
  const language = languageOf(file.path);
  if (file.class !== "test" || language === undefined || is.plain === "") return [];
  const asserted = new RegExp(language.asserts.source, language.asserts.flags.replace("g", ""));
  const lost = addedLines(is.plain, was.plain).filter(({ text }) => asserted.test(text));
  const [first] = lost;
  if (first === undefined) return [];
  const what = `has ${lost.length} assertion${lost.length === 1 ? "" : "s"} of the base gone or changed (there, line ${first.line})`;
  return [{ path: file.path, what }];
};

const emptied = (file: Classed): Suspicion[] =>
  file.class === "test" && file.after === undefined && languageOf(file.path) === undefined
    ? [{ path: file.path, what: "was data of tests and is gone" }]
    : [];

/** What is not read could hide anything; data may be as large as it likes. */
const unread = ({ path, before, after = "", class: kind }: Classed): Suspicion[] =>
  after.length > MAX_SOURCE &&
  before !== after &&
  (languageOf(path) !== undefined || kind === "config" || kind === "ci")
    ? [{ path, what: "is too large to be looked at for what weakens gates" }]
    : [];

/** What a reviewer should look at; nothing here is proof. */
export const suspicionsOf = (file: Classed): Suspicion[] => {
  const [was, is] = [readingOf(file.path, file.before), readingOf(file.path, file.after)];
  return [
    ...signs(file, was, is),
    ...changedExpectations(file, was, is),
    ...emptied(file),
    ...unread(file),
  ];
};
