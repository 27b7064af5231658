import { UserError } from "@headrace/domain";
import { familyOf } from "./families.ts";

/** The id under which `wanted` is on offer: itself, else, unless it names one snapshot, the newest of its family. */
export const findOffered = (wanted: string, available: readonly string[]): string | undefined => {
  if (available.includes(wanted)) return wanted;
  if (/[-@]\d{8}$/.test(wanted)) return undefined;
  const family = familyOf(wanted);
  return available
    .filter((id) => familyOf(id) === family)
    .toSorted((a, b) => Number(a === family) - Number(b === family) || (a < b ? -1 : 1))
    .at(-1);
};

const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
};

const nearest = (name: string, available: readonly string[]): string[] =>
  available.toSorted((a, b) => distance(name, a) - distance(name, b)).slice(0, 3);

/** At most 20 ids: a gateway may list hundreds. */
export const listed = (available: readonly string[]): string =>
  available.length === 0
    ? "The key may use no model at all."
    : `The key may use: ${available.slice(0, 20).join(", ")}${available.length > 20 ? ` and ${available.length - 20} more` : ""}.`;

/** `problem`, with the ids, or names beside them, that were most likely meant. */
export const notOffered = (
  problem: string,
  id: string,
  { available, names = [] }: { available: readonly string[]; names?: readonly string[] },
): UserError => {
  const near = nearest(id, [...names, ...available]);
  return new UserError(
    problem,
    near.length === 0 ? listed(available) : `Did you mean ${near.join(", ")}? ${listed(available)}`,
  );
};
