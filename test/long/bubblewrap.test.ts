import { chmod, mkdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { bubblewrapMissing } from "../support/bubblewrap.ts";
import { prepareHello } from "../support/hello-run.ts";
import { leftOut } from "../support/needs.ts";
import { openShell, type Shell } from "../support/shell.ts";

const NO_ENGINE = { DOCKER_HOST: "unix:///nonexistent" };

/** A person whose folders root's sandboxes, who are somebody else's, can reach. */
const openReachable = async (env: NodeJS.ProcessEnv = {}): Promise<Shell> => {
  const shell = await openShell(env);
  await chmod(shell.dir, 0o711);
  await mkdir(shell.data, { mode: 0o711 });
  return shell;
};

const missing = process.platform === "linux" ? await bubblewrapMissing() : "this is not Linux";

describe("a person without a container engine", () => {
  it("is refused, with what to do, as long as they have not asked for bubblewrap", async () => {
    await using shell = await openShell(NO_ENGINE);
    const { args } = await prepareHello(shell, "hello");
    const remedy = "start that engine, correct DOCKER_HOST, or unset it";
    for (const verb of [["check", "--repo", "hello"], args])
      expect(await shell.headrace(...verb)).toMatchObject({
        code: 2,
        err: expect.stringMatching(
          new RegExp(`DOCKER_HOST names an engine that does not answer[\\s\\S]*${remedy}`),
        ),
      });
    const doctor = await shell.headrace("doctor");
    expect(doctor).toMatchObject({ code: 1, out: expect.stringContaining(remedy) });
  });

  it.skipIf(process.platform !== "linux" || leftOut(missing !== undefined))(
    `who asked for it is told how it differs, and has a spec built in it (needs bubblewrap${missing ? `: ${missing}` : ""})`,
    async () => {
      await using shell = await openReachable(NO_ENGINE);
      await shell.file("data/config.yaml", "sandbox: bubblewrap\n");
      const { args } = await prepareHello(shell, "hello");
      const { code, out, err } = await shell.headrace(...args, "--foreground");
      expect(code, out + err).toBe(0);
      expect(out).toMatch(/ landed as [0-9a-f]{10} on headrace\//);
      expect(err).toMatch(/^bubblewrap instead of Docker: .*`sandbox.image` is refused$/m);
      expect(err).toMatch(/^bubblewrap instead of Docker: .*`sandbox.services` is refused$/m);
    },
  );
});

it("bubblewrap gives way to a container engine that answers", async () => {
  await using shell = await openShell();
  await shell.file("data/config.yaml", "sandbox: bubblewrap\n");
  await prepareHello(shell, "hello");
  const { code, out, err } = await shell.headrace("check", "--repo", "hello");
  expect(code, err).toBe(0);
  expect(err).toContain("the container engine that answers is used instead");
  expect(err).not.toContain("bubblewrap instead of Docker");
  expect(out).toMatch(/^ {2}image: headrace-base:\w+, the default, with Node \d/m);
});
