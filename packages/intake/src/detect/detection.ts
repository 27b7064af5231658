import { Gate } from "@headrace/domain";
import type { Tree } from "../tree.ts";

/** What a repository's own files say about how it is set up and checked. */
export type Detected = { gates: Gate[]; setup: string[]; notes: string[] };

/** One ecosystem's view: what it saw in the tree, added to what the others found. */
export type Detector = (
  seen: { tree: Tree; paths: ReadonlySet<string> },
  found: Found,
) => Promise<void>;

/** Collects findings; the first to claim a gate's name has it, the next is named after its tool. */
export class Found {
  readonly gates: Gate[] = [];
  readonly setup: string[] = [];
  readonly notes: string[] = [];

  hasGate(name: string): boolean {
    return this.gates.some((gate) => gate.name === name);
  }

  gate(name: string, run: string, otherwise: string): void {
    const free = this.hasGate(name) ? otherwise : name;
    if (!this.hasGate(free)) this.gates.push(Gate.parse({ name: free, run }));
  }
}

/** A word of a shell command that nothing in it can leave. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
