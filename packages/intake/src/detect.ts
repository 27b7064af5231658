import { type Detected, Found } from "./detect/detection.ts";
import { detectNode } from "./detect/node.ts";
import { detectGo, detectMake, detectRust } from "./detect/others.ts";
import { detectPython } from "./detect/python.ts";
import { filesOf, type Tree } from "./tree.ts";

export type { Detected } from "./detect/detection.ts";

const DETECTORS = [detectNode, detectPython, detectGo, detectRust, detectMake];

/**
 * Gates and setup as the repository's manifests suggest them, with notes for the person. Nothing is executed, and
 * a manifest that cannot be read is a note, not an error.
 */
export const detect = async (tree: Tree): Promise<Detected> => {
  const found = new Found();
  const seen = { tree, paths: new Set(await filesOf(tree)) };
  for (const detector of DETECTORS) await detector(seen, found);
  const { gates, setup, notes } = found;
  return { gates, setup, notes };
};
