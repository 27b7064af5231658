import type { EnvironmentSpec } from "@headrace/domain";
import { expect, it } from "vitest";
import { environmentKey } from "./environment.ts";

const file = (path: string, content: string, executable = false) => ({
  path,
  bytes: Buffer.from(content),
  executable,
});
const spec = (change: Partial<EnvironmentSpec> = {}): EnvironmentSpec => ({
  image: undefined,
  setup: ["npm ci"],
  files: [file("package.json", "{}"), file("package-lock.json", "{}")],
  env: { A: "1", B: "2" },
  limits: { memoryMb: 512, cpus: 1, pids: 128, diskMb: 1024, inodes: 100_000 },
  timeoutMs: 1000,
  ...change,
});
const client = { env: { npm_config_registry: "http://127.0.0.1:3128/npm/" }, files: [] };
const key = (
  change: Partial<EnvironmentSpec> = {},
  image = "sha256:base",
  settings: Parameters<typeof environmentKey>[2] = client,
) => environmentKey(image, spec(change), settings);

it("keys an environment by what set-up sees, in whatever order it is listed", () => {
  const same = { files: [...spec().files].reverse(), env: { B: "2", A: "1" } };
  expect(key(same)).toBe(key());
});

it("does not key an environment by what set-up does not see", () => {
  expect(
    key({
      timeoutMs: 5,
      limits: { memoryMb: 1024, cpus: 2, pids: 99, diskMb: 1024, inodes: 100_000 },
    }),
  ).toBe(key());
});

it("gives every other environment another key", () => {
  const keys = [
    key(),
    key({}, "sha256:other"),
    key({}, "sha256:base", { ...client, env: {} }),
    key({}, "sha256:base", { ...client, files: [{ path: ".npmrc", text: "" }] }),
    key({ setup: ["npm install"] }),
    key({ setup: ["npm", "ci"] }),
    key({ files: [file("package.json", "{}")] }),
    key({ files: [file("package.json", "{ }"), file("package-lock.json", "{}")] }),
    key({ files: [file("package.json", "{}", true), file("package-lock.json", "{}")] }),
    key({ env: { A: "1" } }),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});
