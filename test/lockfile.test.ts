import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";

// The lockfile was written against a registry that lacks some binaries of other systems. `npm install` adds what is
// missing on the machine that needs it, which is why set-up never calls `npm ci`. The package `node` is not in this
// list: it fetches its binary in an install script, which `allowScripts` lets it do.

const HOSTS = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"];

const Package = z.object({ optionalDependencies: z.record(z.string(), z.string()).default({}) });
const Lockfile = z.object({ packages: z.record(z.string(), Package) });
const Manifest = z.object({
  allowScripts: z.record(z.string(), z.boolean()),
  devDependencies: z.record(z.string(), z.string()),
});

const readJson = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"));

const { packages } = Lockfile.parse(readJson("package-lock.json"));

/** Binaries the locked packages name for the hosts we serve; on linux those for glibc. */
const binaries = Object.entries(packages).flatMap(([path, { optionalDependencies }]) =>
  Object.keys(optionalDependencies)
    .filter((name) => HOSTS.some((host) => new RegExp(`\\b${host}(?:-gnu)?$`).test(name)))
    .map((name) => ({ of: path.replace("node_modules/", ""), name })),
);

describe("the lockfile", () => {
  it("serves linux and macOS on x64 and arm64, but for what its registry lacked", () => {
    const missing = binaries.filter(({ name }) => packages[`node_modules/${name}`] === undefined);
    expect(missing.map(({ of, name }) => `${of} <- ${name}`).sort()).toMatchInlineSnapshot(`
      [
        "@biomejs/biome <- @biomejs/cli-darwin-arm64",
        "@biomejs/biome <- @biomejs/cli-darwin-x64",
        "msgpackr-extract <- @msgpackr-extract/msgpackr-extract-darwin-arm64",
        "msgpackr-extract <- @msgpackr-extract/msgpackr-extract-darwin-x64",
        "oxc-parser <- @oxc-parser/binding-darwin-arm64",
        "oxc-parser <- @oxc-parser/binding-darwin-x64",
      ]
    `);
  });

  it("knows which packages bring binaries", () => {
    expect([...new Set(binaries.map(({ of }) => of))].sort()).toMatchInlineSnapshot(`
      [
        "@biomejs/biome",
        "lightningcss",
        "msgpackr-extract",
        "oxc-parser",
        "oxc-resolver",
        "rolldown",
        "typescript",
      ]
    `);
  });

  it("lacks nothing for linux", () => {
    const linux = binaries.filter(({ name }) => /linux/.test(name));
    expect(linux.filter(({ name }) => packages[`node_modules/${name}`] === undefined)).toEqual([]);
  });

  it("lets the pinned node fetch its binary, and no other package run a script", () => {
    const { allowScripts, devDependencies } = Manifest.parse(readJson("package.json"));
    expect(allowScripts).toEqual({ [`node@${devDependencies.node}`]: true });
  });
});
