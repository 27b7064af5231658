import type { ChangedFile, Tampering } from "./change.ts";
import { classOf } from "./classes.ts";

const KINDS: Readonly<Record<string, string>> = {
  "120000": "a symbolic link",
  "160000": "a submodule",
};

const kindOf = (mode: string | undefined): string | undefined => KINDS[mode ?? ""];

/** Whether the change leaves, or takes away, what names another place instead of holding a text. */
export const isLink = ({ modes }: ChangedFile): boolean =>
  (kindOf(modes?.before) ?? kindOf(modes?.after)) !== undefined;

/** What a gate would read there stands elsewhere, under a name that tells nothing, so that no other look is worth much. */
export const linkTampering = ({ path, modes }: ChangedFile): Tampering[] => {
  const [was, is] = [kindOf(modes?.before), kindOf(modes?.after)];
  const tampering = (what: string, remedy: string): Tampering[] => [
    { path, what, remedy, opens: "path" },
  ];
  if (is !== undefined)
    return tampering(`is ${is}, behind which nothing is looked at`, "make it a file of its own");
  if (was === undefined) return [];
  if (modes?.after !== undefined) return tampering(`was ${was} and is a file`, "put it back");
  const isTelling = ["test", "config", "ci"].includes(classOf(path));
  return isTelling ? tampering(`was ${was} and is gone`, "put it back") : [];
};
