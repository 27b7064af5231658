import type { Gate } from "@headrace/domain";
import { type BaseTree, type GateScope, gateScope } from "../gate-scripts.ts";
import type { Tampering } from "./change.ts";

/** A gate with what stands behind its command at the base. */
export type ScopedGate = { name: string; scope: GateScope };

export const scopedGates = async (
  gates: readonly Gate[],
  base: BaseTree,
): Promise<ScopedGate[]> => {
  const scoped = [];
  for (const gate of gates) scoped.push({ name: gate.name, scope: await gateScope([gate], base) });
  return scoped;
};

/** What names a tool's configuration, and the command of a gate that reads it. */
const TOOLS: readonly (readonly [named: RegExp, run: RegExp])[] = [
  [/vitest|\bvite\.config\b/i, /\bvitest\b/],
  [/\btsconfig|\bjsconfig/i, /\btsc\b/],
  [/pytest|\bconftest\.py|\.coveragerc|\bcoverage\b/i, /\bpytest\b|\bpy\.test\b/],
  [/\bnycrc|\bnyc\b/, /\bnyc\b/],
  [/\bc8rc|\bc8\b/, /\bc8\b/],
  [/\btaprc|\btap\b/, /\btap\b/],
  [/\bclippy\b/, /\bclippy\b/],
  ..."jest mocha ava playwright cypress karma wdio jasmine stryker eslint stylelint oxlint biome ruff mypy pyright pylint flake8 rubocop golangci"
    .split(" ")
    .map((tool) => [new RegExp(`\\b${tool}`), new RegExp(`\\b${tool}`)] as const),
];

const ownersOf = (name: string, gates: readonly ScopedGate[]): string[] => {
  const tools = TOOLS.filter(([named]) => named.test(name));
  const owners = tools.map(([, run]) =>
    gates.filter(({ scope }) => scope.isCut || scope.commands.some((command) => run.test(command))),
  );
  const isTold = owners.length > 0 && owners.every((some) => some.length > 0);
  return (isTold ? owners.flat() : gates).map((gate) => gate.name);
};

/**
 * The gates that something decides, for which a task therefore needs leave: those whose commands name the tool that
 * reads it, and every gate where none does or the tool cannot be told.
 */
export const decidedGates = (
  { gates, about = [] }: Tampering,
  all: readonly ScopedGate[],
): string[] => {
  if (gates !== undefined) return [...gates];
  const names = about.length > 0 ? about : [""];
  return [...new Set(names.flatMap((name) => ownersOf(name, all)))];
};
