export { createRedactor, type Redact } from "./redact.ts";
export { findSecrets, type SecretFinding } from "./scan.ts";
