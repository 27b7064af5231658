export { withCanaries } from "./canaries.ts";
export {
  CONFIG_FILE,
  configJsonSchema,
  type Loosening,
  looseningOf,
  parseConfig,
  type RepoConfig,
  readConfig,
} from "./config.ts";
export {
  BEARER_TOKEN,
  type Credentials,
  checkedKey,
  readCredentials,
  readNamedCredentials,
} from "./credentials.ts";
export { type BaseVersions, type Detected, detect } from "./detect.ts";
export { withExclusions } from "./exclusions.ts";
export { Usd } from "./fields.ts";
export { collectGuidance, guidanceFor } from "./guidance.ts";
export type { KnownImages } from "./images.ts";
export { manifestPaths, setupFilesAt } from "./manifests.ts";
export { packageHostNotes } from "./package-hosts.ts";
export { parsePlan, planFileError, writePlan } from "./plan-file.ts";
export { BUILT_IN_PROTECTED, DEFAULT_BUDGET, resolveBudget, resolvePolicy } from "./resolve.ts";
export { parseSpec, readSpec, type SpecDocument } from "./spec.ts";
export { type Tree, treeAt } from "./tree.ts";
export { readFields } from "./yaml-fields.ts";
