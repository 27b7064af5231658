import { describe, expect, test } from "vitest";
import { createRedactor } from "./redact.ts";

const SECRET = 'canary/+"key=1f3a77';
const redact = createRedactor([SECRET, "short"]);

describe("a known value is taken out", () => {
  test.each([
    ["as it is", SECRET],
    ["inside JSON", JSON.stringify({ key: SECRET })],
    ["in a URL", `https://x.dev/?k=${encodeURIComponent(SECRET)}`],
    ["in hex", Buffer.from(SECRET).toString("hex")],
    ["in base64", Buffer.from(SECRET).toString("base64")],
    ["in base64 behind one byte", Buffer.from(`:${SECRET}`).toString("base64")],
    ["in base64 behind two bytes", Buffer.from(`u:${SECRET}`).toString("base64")],
  ])("%s", (_, text) => {
    const clean = redact(`before ${text} after`);
    expect(clean).toMatch(/^before .*\[redacted\].* after$/);
    for (const part of [SECRET.slice(0, 12), SECRET.slice(-8)]) expect(clean).not.toContain(part);
  });

  test("and what is left of a line of JSON is JSON", () => {
    const event = { type: "model.failed", reason: `401: ${SECRET} is wrong`, n: 1 };
    expect(JSON.parse(redact(JSON.stringify(event)))).toEqual({
      type: "model.failed",
      reason: "401: [redacted] is wrong",
      n: 1,
    });
  });

  test("but a value too short to be told from words is not", () => {
    expect(redact("a short line")).toBe("a short line");
  });
});

test.each([
  [`key ${"sk-ant-"}${"a1B2".repeat(8)} refused`, "key [redacted] refused"],
  [`authorization: Bearer abcdefghijkl, x`, "authorization: [redacted], x"],
  ["x-api-key: abcdefghijk1", "x-api-key: [redacted]"],
  [`say "authorization: Bearer abcdefghijkl" x`, `say "authorization: [redacted]" x`],
  [
    `{"log":"{\\"authorization\\": \\"Basic dTpwYXNzd29yZA==\\"}"}`,
    `{"log":"{\\"authorization\\": \\"[redacted]\\"}"}`,
  ],
  [`clone https://me:${"hunter2"}@git.acme.dev/x.git`, "clone https://me:***@git.acme.dev/x.git"],
])("a key of a known form is taken out wherever it stands: %#", (text, clean) => {
  expect(createRedactor([])(text)).toBe(clean);
});

test.each(["value: 8letters", "https://a:abc@git.acme.dev", "x-api-key: abcdefg1"])(
  "a text as long as it may be does not grow: %s",
  (text) => {
    const clean = createRedactor(["8letters"])(text);
    expect(clean).not.toBe(text);
    expect(clean.length).toBeLessThanOrEqual(text.length);
  },
);

test.each([
  "npm run test:unit at http://127.0.0.1:3128/npm/left-pad",
  "authorization is required",
  "const authorization = request.headers.authorization;",
  `headers: { authorization: \`Bearer \${token}\` }`,
  "proxy-authorization = proxyAuthorization(host2)",
  `_authToken=\${NPM_TOKEN}`,
  "run-4k2 task a1: gate test: pass (exit 0, 3.1 s)",
])("an ordinary line stays as it is: %s", (text) => {
  expect(createRedactor([])(text)).toBe(text);
});

test("a text that is made to hold the redactor up stays as it is", () => {
  const text = `${" ".repeat(400_000)}x`;
  expect(createRedactor([])(text) === text).toBe(true);
});
