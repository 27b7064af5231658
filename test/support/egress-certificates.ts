import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Certificates = { ca: string; key: string; cert: string };

/** A throw-away authority and one certificate of it for these names, made by openssl. */
export const makeCertificates = (hosts: readonly string[]): Certificates => {
  const dir = mkdtempSync(join(tmpdir(), "headrace-ca-"));
  const at = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  try {
    const names = hosts.map((host) => `DNS:${host}`).join(",");
    writeFileSync(at("names"), `subjectAltName=${names}`);
    const authority = [
      "-keyout",
      at("ca.key"),
      "-out",
      at("ca.pem"),
      "-subj",
      "/CN=test authority",
    ];
    openssl("req", "-x509", ...key, ...authority, "-days", "2");
    openssl("req", ...key, "-keyout", at("key.pem"), "-out", at("csr"), "-subj", "/CN=test");
    const signed = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "2"];
    openssl(
      "x509",
      "-req",
      "-in",
      at("csr"),
      ...signed,
      "-extfile",
      at("names"),
      "-out",
      at("c.pem"),
    );
    const read = (name: string) => readFileSync(at(name), "utf8");
    return { ca: read("ca.pem"), key: read("key.pem"), cert: read("c.pem") };
  } finally {
    rmSync(dir, { recursive: true });
  }
};
