export { type ArchiveFiles, packArchive, unpackArchive } from "./archive.ts";
export { type Attestor, createAttestor } from "./attestor.ts";
export { type AuditReport, auditRun } from "./audit/audit.ts";
export { type GitRecords, type StoredRun, Violation } from "./audit/records.ts";
export { readSignedLanding, type SignedLanding } from "./audit/signed-landing.ts";
export { exportRun, importRun } from "./export.ts";
export { openSigningKey, type PublicKey, parsePublicKey, readPublicKey } from "./keys.ts";
