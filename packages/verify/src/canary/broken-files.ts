import { PRODUCT } from "@headrace/domain";
import { isInstalled } from "../protected.ts";
import { classOf } from "../tamper/classes.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** No parser gets past the first character: nothing is open that it would close. */
const BROKEN = `)]} <<< broken by ${PRODUCT}: a gate that stays green on this does not look at it\n`;

/** Source languages by their files; what only configures or is only read by people is not among them. */
const LANGUAGES: readonly { name: string; extensions: string; text?: string }[] = [
  { name: "JavaScript", extensions: "js cjs mjs jsx" },
  { name: "TypeScript", extensions: "ts cts mts tsx" },
  // outside of its blocks such a file is markup, in which everything is allowed
  { name: "component", extensions: "vue svelte astro", text: `<script>\n${BROKEN}</script>\n` },
  { name: "Python", extensions: "py pyi pyx" },
  { name: "Go", extensions: "go" },
  { name: "Rust", extensions: "rs" },
  { name: "C", extensions: "c h cc cpp cxx hh hpp hxx m mm cu" },
  { name: "Java", extensions: "java" },
  { name: "Kotlin", extensions: "kt kts" },
  { name: "Scala", extensions: "scala" },
  { name: "Groovy", extensions: "groovy" },
  { name: "C#", extensions: "cs" },
  { name: "F#", extensions: "fs" },
  { name: "Swift", extensions: "swift" },
  { name: "Dart", extensions: "dart" },
  { name: "Ruby", extensions: "rb" },
  { name: "PHP", extensions: "php", text: `<?php ${BROKEN}` },
  { name: "Perl", extensions: "pl pm t" },
  { name: "Lua", extensions: "lua" },
  { name: "Elixir", extensions: "ex exs" },
  { name: "Erlang", extensions: "erl hrl" },
  { name: "Haskell", extensions: "hs" },
  { name: "OCaml", extensions: "ml mli" },
  { name: "Clojure", extensions: "clj cljs cljc" },
  { name: "Julia", extensions: "jl" },
  { name: "Zig", extensions: "zig" },
  { name: "shell", extensions: "sh bash zsh bats" },
];

type Broken = { name: string; bytes: Uint8Array };

const BY_EXTENSION: ReadonlyMap<string, Broken> = new Map(
  LANGUAGES.flatMap(({ name, extensions, text = BROKEN }) => {
    const broken = { name, bytes: encode(text) };
    return extensions.split(" ").map((extension) => [extension, broken] as const);
  }),
);

/** What runs or configures gates rather than being looked at by them: broken, it would make any gate red. */
const RUNS_GATES =
  /(?:^|\/)(?:manage|setup|noxfile|tasks|fabfile|wsgi|asgi)\.py$|(?:^|\/)(?:build\.rs|Package\.swift|mix\.exs|rebar\.config\.script)$|\.gradle\.kts$|(?:^|\/)(?:gulpfile|Gruntfile|Jakefile|Herebyfile)\.[cm]?[jt]s$|(?:^|\/)\.[^/]+\.[cm]?[jt]s$|[._-]?rc\.[cm]?js$/;

export type BrokenFiles = {
  files: ReadonlyMap<string, Uint8Array>;
  /** for people: how many of which language */
  told: string;
};

/**
 * The source files of a tree, product and tests alike, as no parser accepts them, so that tests, linters, type checkers
 * and builds are red whatever they look at. Installed and generated files, configuration, and `spared`, the scripts that
 * gates themselves are, stay as they were. Undefined where no file is left.
 */
export const brokenFiles = (
  paths: readonly string[],
  spared: Pick<ReadonlySet<string>, "has">,
): BrokenFiles | undefined => {
  const files = new Map<string, Uint8Array>();
  const counts = new Map<string, number>();
  for (const path of paths) {
    const broken = BY_EXTENSION.get(/\.(\w+)$/.exec(path)?.[1] ?? "");
    if (broken === undefined || spared.has(path) || isInstalled(path) || RUNS_GATES.test(path))
      continue;
    const kind = classOf(path);
    if (kind !== "product" && kind !== "test") continue;
    files.set(path, broken.bytes);
    counts.set(broken.name, (counts.get(broken.name) ?? 0) + 1);
  }
  if (files.size === 0) return undefined;
  const told = [...counts].map(([name, n]) => `${n} ${name} ${n === 1 ? "file" : "files"}`);
  return { files, told: told.join(", ") };
};
