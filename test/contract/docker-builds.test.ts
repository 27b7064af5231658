import { randomUUID } from "node:crypto";
import { type EnvironmentSpec, SetupFailedError } from "@headrace/domain";
import { afterAll, beforeAll, expect, it } from "vitest";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import { dockerHarness } from "../support/engine.ts";
import { bytes, LIMITS, openPlain, PLAIN, printed } from "./suites/sandbox-harness.ts";

let harness: Awaited<ReturnType<typeof dockerHarness>>;
let before: readonly string[];
beforeAll(async () => {
  harness = await dockerHarness();
  before = await builds();
});
afterAll(async () => {
  for (const name of await newBuilds()) harness.discardLater(name);
  await harness[Symbol.asyncDispose]();
});

const file = (path: string, text: string) => ({ path, bytes: bytes(text), executable: false });

/** The environment of a repository with a Dockerfile of these lines, after the base image's, and a manifest. */
const environmentOf = async (
  lines: readonly string[],
  spec: Partial<EnvironmentSpec> = {},
  told: string[] = [],
) => {
  const dockerfile = [`FROM ${baseImageTag()}`, "USER root", ...lines, ""].join("\n");
  const files = [file("docker/Dockerfile", dockerfile), file("package.json", "{}")];
  const built = await harness.sandboxes.environment(
    { ...PLAIN, build: { dockerfile: "docker/Dockerfile", files }, ...spec },
    { onLine: (line) => void told.push(line) },
  );
  harness.discardLater(built.image);
  return built;
};

/** Names that the engine has for images built from Dockerfiles. */
const builds = async (): Promise<string[]> => {
  const images = await harness.docker.listImages();
  const names = images.flatMap(({ RepoTags }) => RepoTags ?? []);
  return names.filter((name) => name.startsWith("headrace-dockerfile:"));
};

const newBuilds = async () => (await builds()).filter((name) => !before.includes(name));

it("a repository's Dockerfile is built once for its content, with its manifests, and is made fit to work in", async () => {
  const mark = randomUUID();
  const told: string[] = [];
  const lines = [
    "COPY package.json /srv/package.json",
    `RUN echo ${mark} > /srv/mark && echo building`,
    "ENV TOOLCHAIN=special",
    'ENTRYPOINT ["/bin/false"]',
  ];
  const built = await environmentOf(lines, {}, told);
  const [name = expect.fail("no image was built")] = await newBuilds();
  expect(built).toMatchObject({ cached: false });
  expect(told).toContain("building");
  expect(built.log).toContain("$ docker build --file docker/Dockerfile .\n");
  await using sandbox = await openPlain(harness, { image: built.image });
  expect(await printed(sandbox, "id -un; cat /srv/package.json /srv/mark; echo $TOOLCHAIN")).toBe(
    `agent\n{}${mark}\nspecial`,
  );
  const again = await environmentOf(lines);
  expect(again).toMatchObject({ cached: true, image: built.image, log: "" });
  const { Config } = await harness.docker.getImage(name).inspect();
  expect(Config.Labels).toMatchObject({ "headrace.environment": name.split(":")[1] });
});

it.each([
  ["fails", "RUN echo last words && exit 7", 7, /last words\n[\s\S]*returned a non-zero code: 7/],
  ["asks for files that are no manifests", "COPY src /src", null, /COPY failed.*src/],
  ["cannot be read", "INSTALL everything", null, /unknown instruction: INSTALL/],
])(
  "a Dockerfile that %s is told with its last lines and what it sees",
  async (_, line, code, log) => {
    const failed = await environmentOf([line]).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(SetupFailedError);
    expect(failed).toMatchObject({
      exitCode: code,
      command: "docker build --file docker/Dockerfile .",
      log: expect.stringMatching(log),
    });
    expect(failed).toMatchObject({ log: expect.stringContaining("named as `sandbox.image`") });
  },
);

it("a Dockerfile is held to its time and memory, and to the contract of images", async () => {
  const slow = environmentOf(["RUN sleep 60"], { timeoutMs: 3000 });
  await expect(slow).rejects.toMatchObject({ log: expect.stringMatching(/more than 3 s/) });
  const hungry = environmentOf(["RUN tail /dev/zero"], { limits: { ...LIMITS, memoryMb: 64 } });
  await expect(hungry).rejects.toBeInstanceOf(SetupFailedError);
  await expect(environmentOf(["RUN rm /usr/bin/git"])).rejects.toThrow(/missing: git/);
});

it("a Dockerfile is not built without gVisor where policy asks for it", async () => {
  const isolation = { runtime: "gvisor", userns: "any" } as const;
  // an engine that has no gVisor at all says that first
  await expect(environmentOf(["RUN true"], { isolation })).rejects.toThrow(
    /policy asks for gVisor, and (?:\S+ would be built without it|this container engine has no runtime)/,
  );
});
