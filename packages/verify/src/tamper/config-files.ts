import { basename } from "node:path/posix";
import { addedLines, type ChangedFile, type Tampering } from "./change.ts";
import { FIELD_RULES, type FieldRule, IN_ITS_PLACE, LAXER } from "./config-rules.ts";
import { type Leaf, readFields } from "./fields.ts";
import { LINE_RULES } from "./line-rules.ts";

const same = (a: Leaf | undefined, b: Leaf | undefined): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

const changedKeys = (rule: FieldRule, { before, after }: ChangedFile): string[] => {
  const old = readFields(rule.format, before);
  const now = readFields(rule.format, after);
  return [...new Set([...old.keys(), ...now.keys()])].filter((key) => {
    if (!rule.keys.test(key) || same(old.get(key), now.get(key))) return false;
    return rule.when?.(old.get(key), now.get(key), key) ?? true;
  });
};

const MOST_NAMED = 5;

const named = (keys: readonly string[]): string =>
  keys.length > MOST_NAMED
    ? `${keys.slice(0, MOST_NAMED).join(", ")} and ${keys.length - MOST_NAMED} more`
    : keys.join(", ");

/** Changes of configuration that weaken what gates demand, or that belong to tasks with a permit. */
export const configTampering = (
  file: ChangedFile,
  /** all of the base */
  paths: readonly string[],
): Tampering[] => {
  const { path } = file;
  const name = basename(path);
  /** an alias is in the way of every program that loads what it names */
  const aboutOf = (what: string, keys: readonly string[]) =>
    what === IN_ITS_PLACE ? [] : keys.map((key) => `${name} ${key}`);
  /** the first configuration of its kind demands more than none did */
  const first = (what: string, files: (path: string) => boolean) =>
    what === LAXER && file.before === undefined && !paths.some(files);
  const fields = FIELD_RULES.flatMap((rule): Tampering[] => {
    if (!rule.files(path) || (rule.onlyEdits && file.before === undefined)) return [];
    const keys = changedKeys(rule, file);
    if (keys.length === 0 || first(rule.what, rule.files)) return [];
    const what = `${rule.what} (${named(keys)})`;
    const about = aboutOf(rule.what, keys);
    return [{ path, what, remedy: "put it back", opens: rule.opens, about }];
  });
  const lines = LINE_RULES.flatMap(({ files, added, fewer, what, opens }): Tampering[] => {
    if (!files(path) || first(what, files)) return [];
    const about = aboutOf(what, [""]);
    const [before, after] = [file.before ?? "", file.after ?? ""];
    const fresh = added && addedLines(before, after).find(({ text }) => added.test(text));
    if (fresh !== undefined)
      return [{ path, line: fresh.line, what, remedy: "put it back", opens, about }];
    const count = (text: string) => (fewer && text.match(fewer)?.length) ?? 0;
    return count(after) < count(before)
      ? [{ path, what, remedy: "put it back", opens, about }]
      : [];
  });
  return [...fields, ...lines];
};
