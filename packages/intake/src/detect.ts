import { type BaseVersions, type Detected, Found } from "./detect/detection.ts";
import { detectNode } from "./detect/node.ts";
import { detectGo, detectMake, detectRust } from "./detect/others.ts";
import { detectPython } from "./detect/python.ts";
import { filesOf, type Tree } from "./tree.ts";

export type { BaseVersions, Detected } from "./detect/detection.ts";

const DETECTORS = [detectNode, detectPython, detectGo, detectRust, detectMake];

/**
 * Versions, gates and setup as the repository's own files suggest them, with notes for the person. Nothing is
 * executed, and a manifest that cannot be read is a note, not an error. `base` is what the base image has; leave it
 * out where an image is named, which brings its own versions.
 */
export const detect = async (tree: Tree, base?: BaseVersions): Promise<Detected> => {
  const found = new Found();
  const seen = { tree, base, paths: new Set(await filesOf(tree)) };
  for (const detector of DETECTORS) await detector(seen, found);
  const { gates, setup, notes, tools, image } = found;
  if (image !== undefined && seen.paths.has("package.json"))
    notes.push(
      `${image} has no npm: where gates need Node too, name an image with both as sandbox.image in headrace.yaml.`,
    );
  return { gates, setup, notes, tools, ...(image === undefined ? {} : { image }) };
};
