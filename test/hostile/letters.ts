import type { HostileCase } from "./case.ts";
import { GIT_CONFIGURATION } from "./cases/g-configuration.ts";
import { GIT_TREES } from "./cases/g-trees.ts";

/** The corpus of reliability.md §7, by letter. */
export const LETTERS: readonly { letter: string; what: string; cases: readonly HostileCase[] }[] = [
  { letter: "G", what: "git metadata", cases: [...GIT_CONFIGURATION, ...GIT_TREES] },
];
