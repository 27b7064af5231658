import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { dataDir } from "./data-dir.ts";
import { requireConsent } from "./repo-consent.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "headrace-consent-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const ask = (setup: string[], allowed: boolean, path = "/repo") => {
  const asks = { setup, research: [] };
  return requireConsent({ data: dataDir(join(root, "data"), {}), path, asks, allowed });
};

it("a Dockerfile is allowed as it is, and asked about again when it changes", async () => {
  const build = (sha256: string, allowed: boolean) =>
    requireConsent({
      data: dataDir(join(root, "data"), {}),
      path: "/repo",
      asks: { setup: [], research: [], dockerfile: { path: "Dockerfile", sha256 } },
      allowed,
    });
  await expect(build("aa", false)).rejects.toThrow(
    /Dockerfile \(sha256 aa\) is built by the container engine: .* whole network.*any image/,
  );
  await build("aa", true);
  await build("aa", false);
  await expect(build("bb", false)).rejects.toThrow("--allow-repo-config");
});

it("an image that may be private is named with what its leave gives", async () => {
  const asks = { setup: [], research: [], images: ["company/api:1"] };
  const asked = { data: dataDir(join(root, "data"), {}), path: "/repo", asks };
  await expect(requireConsent({ ...asked, allowed: false })).rejects.toThrow(
    /company\/api:1 is used as an image: the repository's code can read all that is in it/,
  );
});

it("what a repository opens is refused and shown until a person allows exactly that", async () => {
  const refused =
    /asks for more than is open by default:\n {4}set-up may reach a\.example\n {2}Allow .* --allow-repo-config/;
  await expect(ask(["a.example"], false)).rejects.toThrow(refused);
  await ask(["a.example"], true);
  await ask(["a.example"], false);
  await expect(ask(["a.example", "b.example"], false)).rejects.toThrow(
    "set-up may reach b.example",
  );
  await expect(ask(["a.example"], false, "/other")).rejects.toThrow(refused);
  expect((await stat(join(root, "data", "allowed-repo-config.json"))).mode & 0o777).toBe(0o600);
});
