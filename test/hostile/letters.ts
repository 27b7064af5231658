import type { HostileCase } from "./case.ts";
import { ARCHIVES } from "./cases/a-archives.ts";
import { DESTINATION_CASES } from "./cases/e-destinations.ts";
import { PROXY_CASES } from "./cases/e-proxy.ts";
import { BEACONS, SPOKEN_LEAKS } from "./cases/e-spoken.ts";
import { GIT_CONFIGURATION } from "./cases/g-configuration.ts";
import { GIT_REPOSITORIES } from "./cases/g-repositories.ts";
import { GIT_TREES } from "./cases/g-trees.ts";
import { CONFIGURATION_CASES } from "./cases/i-configuration.ts";
import { INSTRUCTIONS } from "./cases/j-instructions.ts";
import { MODEL_OUTPUT } from "./cases/m-model.ts";
import { NAMES } from "./cases/n-names.ts";
import { PATHS } from "./cases/p-paths.ts";
import { SECRETS } from "./cases/s-secrets.ts";
import { SPECS } from "./cases/u-spec.ts";
import { RESOURCES } from "./cases/x-resources.ts";

/** The corpus of reliability.md §7, by letter. */
export const LETTERS: readonly { letter: string; what: string; cases: readonly HostileCase[] }[] = [
  {
    letter: "G",
    what: "git metadata",
    cases: [...GIT_CONFIGURATION, ...GIT_TREES, ...GIT_REPOSITORIES],
  },
  { letter: "N", what: "names", cases: NAMES },
  { letter: "P", what: "paths and file tools", cases: PATHS },
  { letter: "A", what: "archives", cases: ARCHIVES },
  { letter: "X", what: "resources", cases: RESOURCES },
  {
    letter: "E",
    what: "exfiltration",
    cases: [...DESTINATION_CASES, ...PROXY_CASES, ...SPOKEN_LEAKS],
  },
  { letter: "S", what: "secrets (I5)", cases: SECRETS },
  { letter: "J", what: "injected instructions", cases: INSTRUCTIONS },
  { letter: "M", what: "model output", cases: [...MODEL_OUTPUT, ...BEACONS] },
  { letter: "U", what: "user specs and repositories", cases: SPECS },
  { letter: "I", what: "configuration by content (I25)", cases: CONFIGURATION_CASES },
];
