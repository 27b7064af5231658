import type { BaseVersions, Found } from "./detection.ts";
import type { Wish } from "./version-files.ts";

/** Versions of Python that official images exist for, the lowest first (2026-11). */
const MINORS = [9, 10, 11, 12, 13, 14];

/** Patch of an image that is always the newest. */
const NEWEST = 99;

type Version = readonly number[];

const parse = (text: string): Version | undefined =>
  /^\d+(?:\.\d+){0,3}$/.test(text) ? text.split(".").map(Number) : undefined;

const compare = (a: Version, b: Version): number => {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
};

const startsWith = (version: Version, prefix: Version): boolean =>
  prefix.every((part, i) => version[i] === part);

/** The least version with a higher part at `index`: of 3.9.2 at 1 it is 3.10. */
const bumped = (version: Version, index: number): Version => [
  ...version.slice(0, index),
  (version[index] ?? 0) + 1,
];

type Test = (version: Version) => boolean;

const OPERATORS: Readonly<Record<string, (than: Version) => Test>> = {
  ">=": (than) => (v) => compare(v, than) >= 0,
  "<=": (than) => (v) => compare(v, than) <= 0 || startsWith(v, than),
  ">": (than) => (v) => compare(v, than) > 0 && !startsWith(v, than),
  "<": (than) => (v) => compare(v, than) < 0,
  "!=": (than) => (v) => !startsWith(v, than),
  // a patch that is pinned is answered by its minor version
  "==": (than) => (v) => startsWith(v, than.slice(0, 2)),
  "===": (than) => (v) => startsWith(v, than.slice(0, 2)),
  "~=": (than) => (v) => compare(v, than) >= 0 && compare(v, bumped(than, than.length - 2)) < 0,
  // Poetry's
  "^": (than) => (v) => compare(v, than) >= 0 && compare(v, bumped(than, 0)) < 0,
  "~": (than) => (v) =>
    compare(v, than) >= 0 && compare(v, bumped(than, than.length > 1 ? 1 : 0)) < 0,
};

const clause = (text: string): Test | undefined => {
  if (text === "" || text === "*") return () => true;
  const [, operator = "==", number = ""] =
    /^(>=|<=|===|==|!=|~=|>|<|\^|~)?\s*v?(\d[\d.]*?)(?:\.\*)?$/.exec(text) ?? [];
  const version = parse(number);
  return version && OPERATORS[operator]?.(version);
};

/** A specifier of PEP 440, or one of Poetry's; undefined for what cannot be read. */
const specifier = (text: string): Test | undefined => {
  const sets = text
    .split(/\|\|?/)
    .map((set) => set.split(/,|\s+(?=[<>=!~^])/).map((one) => clause(one.trim())));
  if (sets.some((set) => set.some((one) => one === undefined))) return undefined;
  return (version) => sets.some((set) => set.every((one) => one?.(version)));
};

/**
 * An image with the Python that the repository asks for, where the base image's own will not do: the lowest one that
 * satisfies it, which the authors are most likely to have tried.
 */
export const pythonImage = (
  wishes: readonly Wish[],
  base: BaseVersions | undefined,
  found: Found,
): string | undefined => {
  const [wish] = wishes;
  if (wish === undefined) return undefined;
  const allows = specifier(wish.version.trim());
  if (allows === undefined) {
    found.notes.push(
      `${wish.from} asks for Python ${JSON.stringify(wish.version.slice(0, 60))}, which is no version known here: the image's own is used.`,
    );
    return undefined;
  }
  const own = base && parse(base.python);
  if (own === undefined || allows(own)) {
    found.tool({ tool: "python", ...wish });
    const patch = /^(?:python-|={2,3})?\s*(\d+\.\d+\.\d+)$/.exec(wish.version.trim())?.[1];
    if (base !== undefined && patch !== undefined && patch !== base.python)
      found.notes.push(
        `${wish.from} asks for Python ${patch}, and the base image has ${base.python}, which is used: patches of one minor version count as the same. Another one can be named as sandbox.image in headrace.yaml.`,
      );
    return undefined;
  }
  const minor = MINORS.find((one) => allows([3, one, NEWEST]));
  if (minor === undefined) {
    found.notes.push(
      `${wish.from} asks for Python ${wish.version.slice(0, 60)}, and there is no image of it known here: name one as sandbox.image in headrace.yaml.`,
    );
    return undefined;
  }
  const image = `docker.io/library/python:3.${minor}-bookworm`;
  found.tool({ tool: "python", ...wish });
  found.notes.push(
    `${wish.from} asks for Python ${wish.version.slice(0, 60)}, and the base image has ${base?.python}: everything runs in ${image}. Another one can be named as sandbox.image in headrace.yaml.`,
  );
  return image;
};
