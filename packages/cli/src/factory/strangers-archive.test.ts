import { Policy, UserError } from "@headrace/domain";
import { expect, it } from "vitest";
import { readInstallation } from "../user-config.ts";
import { lentToStranger } from "./strangers-archive.ts";

const policyOf = (more: object) =>
  Policy.parse({
    gates: [{ name: "test", run: "npm test" }],
    setup: ["npm ci"],
    protected: [],
    from: { gates: "file", setup: "file" },
    ...more,
  });

const installation = {
  ...(await readInstallation({ env: {}, dataDir: "/nowhere" })),
  registries: [
    { name: "own", kind: "npm" as const, url: "https://npm.test/", scopes: [], placeholders: [] },
  ],
};

it("a stranger's archive is set up from public registries, and never with this installation's own", () => {
  const lent = lentToStranger(installation, { policy: policyOf({}), key: "abc" });
  expect(lent).toEqual({ ...installation, registries: [] });
});

it.each([
  [
    "a host",
    { network: { setup: ["downloads.test.org"] } },
    /set-up may reach downloads\.test\.org/,
  ],
  ["an image", { image: "evil:1" }, /evil:1 is used as an image/],
  ["a service", { services: [{ name: "db", image: "db:1" }] }, /db:1 is used as an image/],
  ["a Dockerfile", { dockerfile: "Dockerfile" }, /Dockerfile is built/],
])(
  "a stranger's archive that opens %s is refused, with how to say that one trusts it",
  (_, more, told) => {
    const lend = () => lentToStranger(installation, { policy: policyOf(more), key: "abc" });
    expect(lend).toThrow(UserError);
    expect(lend).toThrow(told);
    expect(lend).toThrow(/signed by abc, .*--key FILE/s);
  },
);
