import { describe, expect, test } from "vitest";
import { findSecrets } from "./scan.ts";

/** Put together here, so that no scanner of this repository takes it for a real one. */
const made = (...parts: string[]): string => parts.join("");
const GITHUB = made("ghp_", "abcdefghijklmnopqrstuvwxyz", "0123456789");

describe("a secret is found", () => {
  test.each([
    ["github", GITHUB],
    ["anthropic", made("sk-ant-", "api03-", "a1B2".repeat(23), "aa-abcdefAA")],
    ["npm", made("//registry.npmjs.org/:_authToken=", "npm_", "aB3d".repeat(9))],
    ["slack", made("xoxb-", "123456789012-1234567890123-", "aB3d".repeat(6))],
    ["gitlab", made("glpat-", "aB3dE6gH9jK1lM2nO4pQ")],
    ["aws", made("aws_secret_access_key = wJalrXUtnFEMI", "/K7MDENG/bPxRfiCYzzzzzzzKEY")],
    ["basicauth", made("https://deploy:", "pa55w0rdpa55", "@git.acme.dev/app.git")],
    ["database-connection-string", made("postgres://app:", "s3cr3tpass", "@db.acme.dev:5432/app")],
    [
      "privatekey",
      made(
        "-----BEGIN RSA ",
        "PRIVATE KEY-----\nMIIEowIBAAKCAQEA",
        "aB3d".repeat(30),
        "\n-----END RSA ",
        "PRIVATE KEY-----",
      ),
    ],
  ])("of the kind %s, with file and line and without its value", async (kind, text) => {
    const found = await findSecrets("src/a.ts", `first line\n\n${text}\n`);
    expect(found).toContainEqual({ file: "src/a.ts", line: 3, kind });
    expect(JSON.stringify(found)).not.toContain(text.slice(0, 20));
  });
});

describe("what is no secret is let through", () => {
  test.each([
    [
      "a database of the developer's own machine",
      "postgres://postgres:postgres@localhost:5432/test",
    ],
    ["a database of a compose file", "DATABASE_URL=postgres://app:apppass@db:5432/app"],
    ["an address of documentation", "https://user:password@example.com/path"],
    ["a variable to be filled in", made("//npm.acme.dev/:_authToken=$", "{NPM_TOKEN}")],
    ["a variable in an address", made("https://deploy:$", "{TOKEN}@git.acme.dev/app.git")],
    ["ordinary code", "const token = readToken(); const key = 'primary';"],
    ["a hash", `integrity sha512-${"aB3d".repeat(22)}==`],
  ])("%s", async (_, text) => {
    expect(await findSecrets("a.txt", text)).toEqual([]);
  });

  test("binary content and very long files", async () => {
    expect(await findSecrets("a.bin", `\0${GITHUB}`)).toEqual([]);
    expect(await findSecrets("a.csv", `${" ".repeat(1024 * 1024)}${GITHUB}`)).toEqual([]);
  });
});
