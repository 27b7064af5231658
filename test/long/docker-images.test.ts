import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type EgressRequest, type EnvironmentSpec, UserError } from "@headrace/domain";
import { createEgress } from "@headrace/sandbox";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import {
  bytes,
  LABELS_OF_TEST,
  LIMITS,
  openPlain,
  PLAIN,
  printed,
} from "../contract/suites/sandbox-harness.ts";
import { ca, dockerHarness } from "../support/engine.ts";
import { commitFiles, git, packFrom, tempRepo } from "../support/git.ts";

let harness: Awaited<ReturnType<typeof dockerHarness>>;
beforeAll(async () => {
  harness = await dockerHarness();
});
afterAll(() => harness[Symbol.asyncDispose]());

const environment = (spec: Partial<EnvironmentSpec>, sandboxes = harness.sandboxes) =>
  sandboxes.environment({ ...PLAIN, ...spec }, {});

/** An image made from the base image by a script that root runs. */
const imageAfter = async (script: string, changes: string[] = []): Promise<string> => {
  const tag = randomUUID();
  const container = await harness.docker.createContainer({
    Image: baseImageTag(),
    Entrypoint: ["/bin/sh", "-c", script],
    User: "0",
    HostConfig: { NetworkMode: "none" },
  });
  try {
    await container.start();
    await container.wait();
    await container.commit({ repo: "headrace-test", tag, changes });
  } finally {
    await container.remove({ force: true });
  }
  harness.discardLater(`headrace-test:${tag}`);
  return `headrace-test:${tag}`;
};

/** An image without files that says it is made for `architecture`. */
const loadEmpty = async (architecture: string): Promise<string> => {
  const layer = Buffer.alloc(1024);
  const tag = `headrace-test:${randomUUID()}`;
  const diff_ids = [`sha256:${createHash("sha256").update(layer).digest("hex")}`];
  const config = { architecture, os: "linux", config: {}, rootfs: { type: "layers", diff_ids } };
  const manifest = [{ Config: "config.json", RepoTags: [tag], Layers: ["layer.tar"] }];
  const tar = pack();
  tar.entry({ name: "layer.tar" }, layer);
  tar.entry({ name: "config.json" }, JSON.stringify(config));
  tar.entry({ name: "manifest.json" }, JSON.stringify(manifest));
  tar.finalize();
  const loading = await harness.docker.loadImage(Readable.from([await buffer(tar)]));
  loading.resume();
  await once(loading, "end");
  harness.discardLater(tag);
  return tag;
};

it("an environment tells the variables that its image brings, as a gate sees them", async () => {
  const image = await imageAfter("true", ["ENV NODE_OPTIONS=--no-warnings", 'ENV WORDS="a = b"']);
  const made = await environment({ image });
  harness.discardLater(made.image);
  expect(made.env).toMatchObject({ NODE_OPTIONS: "--no-warnings", WORDS: "a = b" });
  const { output } = await harness.sandboxes.runGate({
    ...{ image: made.image, limits: LIMITS, env: {}, labels: LABELS_OF_TEST },
    ...{
      command: "echo $PATH",
      tar: new Uint8Array(1024),
      timeoutMs: 20_000,
      maxOutputBytes: 1000,
    },
  });
  expect(made.env?.PATH).toBe(output.trim());
});

describe("set-up", () => {
  it("installs from the package registry through the proxy, and gives other versions of tools to all that follows", async () => {
    const manifest = { name: "app", version: "1.0.0", dependencies: { "is-number": "7.0.0" } };
    const egress = createEgress({ registries: [], ...(ca === undefined ? {} : { ca: ca.pem }) });
    await using networked = await dockerHarness({ egress });
    const requests: EgressRequest[] = [];
    const built = await networked.sandboxes.environment(
      {
        ...PLAIN,
        setup: [
          "npm install",
          'npm install --global --prefix "$HOME/.local" node-linux-$(node -p process.arch)@20 pnpm@9.1.0',
          `echo ${randomUUID()}`,
        ],
        files: [
          { path: "package.json", bytes: bytes(JSON.stringify(manifest)), executable: false },
        ],
        limits: { ...LIMITS, memoryMb: 1024 },
      },
      { onRequest: (request) => void requests.push(request) },
    );
    networked.discardLater(built.image);
    expect(requests).toContainEqual(
      expect.objectContaining({ host: "registry.npmjs.org", outcome: "allowed" }),
    );
    await using sandbox = await openPlain(networked, { image: built.image });
    expect(await printed(sandbox, `node -p 'require("is-number")(5)'`)).toBe("true");
    const left = "find /opt/headrace/setup -type f; env | grep -ci 'cert\\|ssl\\|proxy' || true";
    expect(await printed(sandbox, left)).toBe("0");
    const gate = await networked.sandboxes.runGate({
      image: built.image,
      limits: LIMITS,
      env: {},
      labels: LABELS_OF_TEST,
      command: "node --version; pnpm --version",
      tar: new Uint8Array(1024),
      timeoutMs: 60_000,
      maxOutputBytes: 1000,
    });
    expect(gate.output).toMatch(/^v20\.\d+\.\d+\n9\.1\.0\n$/);
  });
});

describe("images of environments", () => {
  const lastNamed = async (image: string): Promise<number> => {
    const facts = await harness.docker.getImage(image).inspect();
    const { Metadata } = facts as unknown as { Metadata: { LastTagTime: string } };
    return Date.parse(Metadata.LastTagTime);
  };
  const exists = (image: string): Promise<boolean> =>
    harness.docker
      .getImage(image)
      .inspect()
      .then(
        () => true,
        () => false,
      );

  it("are remembered by the engine as used when they are asked for again", async () => {
    const spec = { setup: [`echo ${randomUUID()} > made.txt`] };
    const { image } = await environment(spec);
    harness.discardLater(image);
    const before = await lastNamed(image);
    expect((await environment(spec, harness.reboot())).cached).toBe(true);
    expect(await lastNamed(image)).toBeGreaterThan(before);
  });

  it("go when nothing names or uses them any more, and no other image does", async () => {
    const { image } = await environment({ setup: [`echo ${randomUUID()} > made.txt`] });
    harness.discardLater(image);
    const leftover = async () => {
      const container = await harness.docker.createContainer({ Image: image });
      const changes = [`LABEL headrace.environment=${randomUUID()}`];
      const { Id } = (await container.commit({ changes })) as { Id: string };
      await container.remove();
      return Id;
    };
    const [unused, used] = [await leftover(), await leftover()];
    const user = await harness.docker.createContainer({ Image: used });
    await harness.reboot().evict();
    expect(await Promise.all([image, unused, used].map(exists))).toEqual([true, false, true]);
    await user.remove();
    await harness.reboot().evict();
    expect(await exists(used)).toBe(false);
  });
});

describe("an environment's image", () => {
  it("names neither owner nor set-up's command, so that a person may run it unharmed", async () => {
    const built = await environment({ setup: [`echo ${randomUUID()} > made.txt`] });
    harness.discardLater(built.image);
    const { Config } = await harness.docker.getImage(built.image).inspect();
    expect(Config.Entrypoint).toEqual(["/bin/sh"]);
    expect(Config.Labels).toMatchObject({ "headrace.owner": "", "headrace.boot": "" });
    expect(Config.User).toBe("10001:10001");
  });
});

describe("a custom image", () => {
  it("is made fit to work in: Node, workspace and user are added, its own environment is kept", async () => {
    const strip =
      "rm -rf /usr/local/bin/node /usr/local/lib/node_modules /workspace && userdel -r agent; :";
    const image = await imageAfter(strip, ["ENV TOOLCHAIN=special", 'ENTRYPOINT ["/bin/false"]']);
    const built = await environment({ image });
    harness.discardLater(built.image);
    expect((await environment({ image })).cached).toBe(true);
    await using sandbox = await openPlain(harness, { image: built.image });
    expect(
      await printed(sandbox, "id -un; pwd; touch x ~/y && echo writable; echo $TOOLCHAIN"),
    ).toBe("agent\n/workspace\nwritable\nspecial");
    await using repo = await tempRepo();
    const base = await commitFiles(repo.path, { a: "1\n" });
    await sandbox.checkout(packFrom(repo.path, base), base);
    const { commit } = await sandbox.snapshot(base);
    expect(commit).not.toBe(git(repo.path, "rev-parse", base));
  });

  it("keeps its search path, with the user's own tools first and our Node and npm last", async () => {
    const strip = "rm -rf /usr/local/bin/node /usr/local/bin/np* /usr/local/lib/node_modules";
    const image = await imageAfter(strip, ["ENV PATH=/srv/tools:/usr/bin:/bin"]);
    const built = await environment({ image });
    harness.discardLater(built.image);
    await using sandbox = await openPlain(harness, { image: built.image });
    expect(
      await printed(sandbox, "echo $PATH; for tool in node npm npx; do command -v $tool; done"),
    ).toBe(
      "/home/agent/.local/bin:/srv/tools:/usr/bin:/bin:/opt/headrace/bin\n" +
        "/opt/headrace/bin/node\n/opt/headrace/bin/npm\n/opt/headrace/bin/npx",
    );
    expect(await printed(sandbox, "npm --version && npx --version && node -p 1+1")).toMatch(/\n2$/);
    const own = "mkdir -p ~/.local/bin && printf '#!/bin/sh\\necho v0' > ~/.local/bin/node";
    expect(await printed(sandbox, `${own} && chmod +x ~/.local/bin/node && node --version`)).toBe(
      "v0",
    );
  });

  it("of another architecture is refused before anything runs in it", async () => {
    const other = process.arch === "arm64" ? "amd64" : "arm64";
    const tag = await loadEmpty(other);
    await expect(environment({ image: tag })).rejects.toThrow(
      new RegExp(`is made for ${other}[\\s\\S]*docker pull --platform linux/`),
    );
  });

  it.each([
    ["git", "rm /usr/bin/git", /missing: git/],
    ["sh", "rm /bin/sh /bin/bash /bin/dash", /missing: sh/],
    ["glibc", "rm /lib64/ld-linux*", /missing: .*glibc/],
  ])("without %s is refused, naming it", async (_, script, message) => {
    const image = await imageAfter(script);
    const refused = environment({ image });
    await expect(refused).rejects.toBeInstanceOf(UserError);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(/glibc, sh and git/);
  });

  it("whose volume would swallow the workspace is refused", async () => {
    const image = await imageAfter("true", ["VOLUME /workspace"]);
    await expect(environment({ image })).rejects.toThrow(/declares a volume at \/workspace/);
  });

  it("that is nowhere is refused with what to do", async () => {
    const image = `127.0.0.1:9/no-such-image:${randomUUID()}`;
    await expect(environment({ image })).rejects.toThrow(/cannot be pulled[\s\S]*docker pull/);
  });
});
