import { readFile } from "node:fs/promises";

const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
];

/** The host's certificate bundle, for setup commands that fetch packages: the environment's, else the system's. */
export const hostCertificates = async (
  env: NodeJS.ProcessEnv,
): Promise<{ ca?: { pem: string } }> => {
  for (const path of [env.NODE_EXTRA_CA_CERTS, env.SSL_CERT_FILE, ...SYSTEM_BUNDLES]) {
    const pem = path && (await readFile(path, "utf8").catch(() => undefined));
    if (pem) return { ca: { pem } };
  }
  return {};
};
