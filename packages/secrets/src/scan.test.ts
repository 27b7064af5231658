import { describe, expect, test } from "vitest";
import { findSecrets } from "./scan.ts";

/** Put together here, so that no scanner of this repository takes it for a real one. */
const made = (...parts: string[]): string => parts.join("");
const find = (text: string) => findSecrets("src/a.ts", Buffer.from(text));
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
    ["npm", made("//npm.acme.dev/:_auth=", "dXNlcjpwYXNzd29yZDEyMw==")],
    ["database-connection-string", made("postgres://app:", "pw12345678", "@prod-db/app")],
    ["stripe", made("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc")],
    ["pypi", made("pypi-AgE", "IcHlwaS5vcmcC", "aB3d".repeat(20))],
    ["google", made("AIza", "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY")],
    ["model provider", made("sk-or-v1-", "a1b2c3d4".repeat(8))],
    [
      "privatekey",
      made(
        "-----BEGIN ",
        "PRIVATE KEY-----\n",
        "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06",
        "\n-----END ",
        "PRIVATE KEY-----",
      ),
    ],
    [
      "privatekey",
      made(
        "-----BEGIN EC ",
        "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,",
        "0F1E2D3C\n\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06",
        "\n-----END EC ",
        "PRIVATE KEY-----",
      ),
    ],
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
    const found = await find(`first line\n\n${text}\n`);
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
    expect(await find(text)).toEqual([]);
  });
});

describe("a secret is found however it is put", () => {
  test.each([
    ["in UTF-16", Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(GITHUB, "utf16le")])],
    ["beside a NUL", Buffer.from(`\0${GITHUB}\0`)],
    [
      "behind a comment that switches a scanner off",
      Buffer.from(`// secretlint-disable\n${GITHUB}`),
    ],
    ["before such a comment", Buffer.from(`${GITHUB} // secretlint-disable-line`)],
  ])("%s", async (_, bytes) => {
    expect(await findSecrets("a.ts", bytes)).toEqual([
      { file: "a.ts", line: expect.any(Number), kind: "github" },
    ]);
  });
});

test("a file that is made to hold the scanner up is read like any other", async () => {
  const begin = made("-----BEGIN ", "PRIVATE KEY-----\n");
  expect(await find(`${begin}${"a: ".repeat(60)}\n!`)).toEqual([]);
  expect(await find(`a: ${begin}`.repeat(20_000))).toEqual([]);
});
