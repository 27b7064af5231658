import { readFileSync } from "node:fs";

const HEAD = /^-- (\S+) --\n/gm;

/**
 * The files of one archive of `test/fixtures/`: a comment, then each file after a line `-- path --`. `{{name}}` is
 * what the test knows only when it runs.
 */
export const readArchive = (
  name: string,
  values: Readonly<Record<string, string>> = {},
): Record<string, string> => {
  const [, ...parts] = readFixture(name, values).split(HEAD);
  const files: Record<string, string> = {};
  for (let i = 0; i < parts.length; i += 2) files[parts[i] ?? ""] = parts[i + 1] ?? "";
  return files;
};

export const readFixture = (name: string, values: Readonly<Record<string, string>>): string =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8").replace(
    /\{\{([\w-]+)\}\}/g,
    (_, key: string) => {
      const value = values[key];
      if (value === undefined) throw new Error(`${name} needs a value for ${key}`);
      return value;
    },
  );
