const PART: Readonly<Record<string, string>> = {
  "**/": "(?:.*/)?",
  "*": "[^/]*",
  "{": "(?:",
  "}": ")",
  ",": "|",
};

/**
 * The globs of `globMatcher`, as one regular expression: for tables of ours, which are tried on every path of a
 * change. Those of a repository or a plan could make it slow.
 */
export const ownGlobs = (...globs: readonly string[]): ((path: string) => boolean) => {
  const sources = globs.map((glob) =>
    glob.replace(/\*\*\/|[*{},]|[.+^$()|[\]\\?]/g, (part) => PART[part] ?? `\\${part}`),
  );
  const pattern = new RegExp(`^(?:${sources.join("|")})(?:/.*)?$`, "s");
  return (path) => pattern.test(path);
};
