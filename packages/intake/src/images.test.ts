import { describe, expect, it } from "vitest";
import { imageProblem, imagesToAllow } from "./images.ts";

describe("an image that a repository names", () => {
  it.each([
    ["127.0.0.1:5999/x:1", /registry 127\.0\.0\.1:5999, which is an address/],
    ["169.254.169.254/latest/x", /is an address/],
    ["[::1]:5000/x", /registry/],
    ["localhost/x", /has no dot/],
    ["registry:5000/x", /has no dot/],
    ["registry.corp/x", /private network/],
    ["headrace-env:7af404c8d221", /headrace's own images/],
    ["docker.io/library/headrace-image:1", /headrace's own images/],
    ["library/headrace-base:1", /headrace's own images/],
    ["068d3db37e48", /is an id/],
    ["sha256:068d3db37e48", /is an id/],
    ["a b", /is no image/],
  ])("is refused as %j", (reference, why) => {
    expect(imageProblem(reference)).toMatch(why);
  });

  it.each(["postgres:16", "company/api:1", "ghcr.io/a/b@sha256:00", "registry.example:5000/a:1"])(
    "may be %j",
    (reference) => {
      expect(imageProblem(reference)).toBeUndefined();
    },
  );
});

describe("a person's leave", () => {
  const needed = (image: string, digests?: readonly string[]) =>
    imagesToAllow({ image, services: [] }, async () => digests).then((asked) => asked.length > 0);

  it.each([
    "postgres:16",
    "library/redis",
    "docker.io/library/node:22@sha256:00",
    "index.docker.io/library/python",
  ])("is not needed for the well-known public image %s", async (reference) => {
    expect(await needed(reference)).toBe(false);
  });

  it.each(["company-api:1", "company/postgres", "ghcr.io/library/postgres", "docker.io/company/x"])(
    "is needed for %s, whose content may be private",
    async (reference) => {
      expect(await needed(reference)).toBe(true);
    },
  );

  it("is needed for a well-known name that was given to something else on this engine", async () => {
    expect(await needed("postgres:16", [])).toBe(true);
    expect(await needed("postgres:16", ["registry.example/postgres@sha256:00"])).toBe(true);
    expect(await needed("postgres:16", ["company-api@sha256:00"])).toBe(true);
    expect(await needed("postgres:16", ["postgres@sha256:00"])).toBe(false);
    expect(await needed("postgres", ["docker.io/library/postgres@sha256:00"])).toBe(false);
  });

  it("is asked once for each image of sandbox and services", async () => {
    const service = (name: string, image: string) => ({ name, image, env: {}, memoryMb: 512 });
    const services = [service("a", "b/b"), service("c", "postgres:16"), service("d", "b/b")];
    expect(await imagesToAllow({ image: "a/a", services }, async () => undefined)).toEqual([
      "a/a",
      "b/b",
    ]);
  });
});
