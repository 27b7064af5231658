const MAX_CHARS = 1500;
const NAME_CHARS = 60;
/** Entries of one folder that are named; the rest is counted. */
const MOST_ENTRIES = 25;
const DEPTH = 2;

type Folder = {
  path: string;
  depth: number;
  count: number;
  folders: Map<string, Folder>;
  files: string[];
};

const folderAt = (path: string, depth: number): Folder => ({
  path,
  depth,
  count: 0,
  folders: new Map(),
  files: [],
});

const treeOf = (paths: readonly string[]): Folder => {
  const root = folderAt("", 0);
  for (const path of paths) {
    let folder = root;
    folder.count += 1;
    const folders = path.split("/");
    const file = folders.pop() ?? "";
    // what lies deeper is counted, and never named
    for (const name of folders.slice(0, DEPTH + 1)) {
      const below =
        folder.folders.get(name) ?? folderAt(`${folder.path}${name}/`, folder.depth + 1);
      folder.folders.set(name, below);
      folder = below;
      folder.count += 1;
    }
    if (folders.length <= DEPTH) folder.files.push(file);
  }
  return root;
};

/** A name can hold anything: nothing in it may look like a line or a tag of its own. */
const shown = (name: string): string => {
  const plain = name.replace(/[^\p{L}\p{N} ._@+=,~#$%()[\]{}!&'-]/gu, "?");
  return plain.length > NAME_CHARS ? `${plain.slice(0, NAME_CHARS)}...`.toWellFormed() : plain;
};

const linesOf = (folder: Folder, open: ReadonlySet<Folder>): string[] => {
  const indent = "  ".repeat(folder.depth);
  const names = [...[...folder.folders.keys()].sort(), ...folder.files.sort()];
  const rest = names.length - MOST_ENTRIES;
  const named = rest > 1 ? names.slice(0, MOST_ENTRIES) : names;
  const lines = named.flatMap((name, at) => {
    const below = at < folder.folders.size ? folder.folders.get(name) : undefined;
    if (below === undefined) return [`${indent}${shown(name)}`];
    const line = `${indent}${shown(name)}/ (${below.count})`;
    return open.has(below) ? [line, ...linesOf(below, open)] : [line];
  });
  return rest > 1 ? [...lines, `${indent}(${rest} more here)`] : lines;
};

const foldersIn = (folder: Folder): Folder[] =>
  [...folder.folders.values()].flatMap((below) => [below, ...foldersIn(below)]);

/**
 * What a tree looks like, for somebody who is about to work in it: its top level, and within a bound the biggest
 * folders two levels deep, each with the number of files under it. The same for the same paths.
 */
export const layoutOf = (paths: readonly string[]): string => {
  const root = treeOf(paths.toSorted());
  const head = `${paths.length} files; (n): files in the folder, with those below it`;
  const render = (open: ReadonlySet<Folder>) => [head, ...linesOf(root, open)].join("\n");
  const open = new Set<Folder>();
  const biggest = foldersIn(root)
    .filter(({ depth }) => depth <= DEPTH)
    .sort((a, b) => b.count - a.count)
    .slice(0, 40);
  for (const folder of biggest) {
    open.add(folder);
    if (render(open).length > MAX_CHARS) open.delete(folder);
  }
  const text = render(open);
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}...`.toWellFormed() : text;
};
