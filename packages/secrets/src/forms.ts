/** Forms of keys that secretlint's preset does not know, each distinctive enough to need no context. */
export const MORE_FORMS: ReadonlyArray<{ kind: string; form: RegExp }> = [
  // any key in PEM, also those of few lines (Ed25519, PKCS#8, OpenSSH); few headers, since a file can be made to be slow
  {
    kind: "privatekey",
    form: /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s+(?:[A-Za-z0-9-]+: .{0,200}\n\s*){0,8}[A-Za-z0-9+/=]{32,}/g,
  },
  { kind: "npm", form: /^[ \t]*(?:\/\/\S+:)?_(?:auth|password)\s*=\s*["']?[A-Za-z0-9+/=_-]{8,}/gm },
  { kind: "stripe", form: /\b[rs]k_live_[A-Za-z0-9]{20,}/g },
  { kind: "pypi", form: /\bpypi-AgE[A-Za-z0-9_-]{50,}/g },
  { kind: "google", form: /\bAIza[A-Za-z0-9_-]{35}\b/g },
  { kind: "model provider", form: /\bsk-(?:or-v1|proj|svcacct|admin)-[A-Za-z0-9_-]{20,}/g },
  { kind: "aws", form: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b(?=[\s\S]{0,200}\b[A-Za-z0-9/+]{40}\b)/g },
];
