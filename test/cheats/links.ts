import { type Cheat, JS, PY, type Tree } from "./cases.ts";
import type { Language } from "./verifying.ts";

type LinkRow = [id: string, title: string, links: Tree, edit?: Tree];

const linked = (rows: readonly LinkRow[], base: Tree): Cheat[] =>
  rows.map(([id, title, links, edit = {}]) => ({
    ...{ id, title, base, links, edit },
    expected: "refused",
  }));

/** What decides a gate, behind a symbolic link: its text stands under a name that tells nothing. */
export const LINK_CHEATS: Readonly<Record<Language, readonly Cheat[]>> = {
  JavaScript: linked(
    [
      ["V01", "it becomes a symlink", { "test/sum.test.js": "../README.md" }],
      ["V06", "vite.config is a link", { "vite.config.ts": "notes.txt" }, { "notes.txt": "x\n" }],
      ["V18", ".npmrc is a link", { ".npmrc": "notes.txt" }, { "notes.txt": "script-shell=./y\n" }],
      ["V17", "node_modules is a link", { node_modules: "vendor" }, { "vendor/x.js": "1;\n" }],
      ["V31", "a workflow is a link", { ".github/workflows/ci.yml": "../../notes.txt" }],
      ["V32", ".gitattributes is a link", { ".gitattributes": "README.md" }],
      ["V07", "package.json is a link", { "package.json": "p.txt" }, { "p.txt": "{}\n" }],
    ],
    JS,
  ),
  Python: linked(
    [
      ["V01", "it becomes a symlink", { "tests/test_total.py": "../README.md" }],
      ["V05", "conftest.py is a link", { "conftest.py": "notes.txt" }, { "notes.txt": "x = 1\n" }],
      ["V17", ".venv is a link", { ".venv": "vendor" }, { "vendor/x.py": "1\n" }],
      ["V25", ".coveragerc is a link", { ".coveragerc": "notes.txt" }],
    ],
    PY,
  ),
};
