export { type Attestor, createAttestor } from "./attestor.ts";
export { type AuditReport, auditRun } from "./audit/audit.ts";
export type { GitRecords, StoredRun } from "./audit/records.ts";
export { openSigningKey, type PublicKey, parsePublicKey, readPublicKey } from "./keys.ts";
