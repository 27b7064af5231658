import { Gate, type ToolVersion } from "@headrace/domain";
import type { Tree } from "../tree.ts";

/** Versions that the image has in which set-up starts. */
export type BaseVersions = { node: string; npm: string; python: string };

/** What a repository's own files say about how it is set up and checked. */
export type Detected = {
  gates: Gate[];
  setup: string[];
  notes: string[];
  /** versions the files ask for; `setup` and `image` provide them */
  tools: ToolVersion[];
  /** where the base image's own versions do not do */
  image?: string;
};

/** One ecosystem's view: what it saw in the tree, added to what the others found. */
export type Detector = (
  seen: {
    tree: Tree;
    paths: ReadonlySet<string>;
    /** undefined: the person or the repository names an image, whose versions are its own affair */
    base: BaseVersions | undefined;
  },
  found: Found,
) => Promise<void>;

/** Collects findings; the first to claim a gate's name has it, the next is named after its tool. */
export class Found {
  readonly gates: Gate[] = [];
  readonly setup: string[] = [];
  readonly notes: string[] = [];
  readonly tools: ToolVersion[] = [];
  image: string | undefined;

  hasGate(name: string): boolean {
    return this.gates.some((gate) => gate.name === name);
  }

  gate(name: string, run: string, otherwise: string): void {
    const free = this.hasGate(name) ? otherwise : name;
    if (!this.hasGate(free)) this.gates.push(Gate.parse({ name: free, run }));
  }

  tool({ tool, version, from }: ToolVersion): void {
    this.tools.push({ tool, version: version.slice(0, 100), from: from.slice(0, 300) });
  }
}

/** A word of a shell command that nothing in it can leave. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
