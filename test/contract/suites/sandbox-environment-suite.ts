import { randomUUID } from "node:crypto";
import { type EnvironmentSpec, SetupFailedError } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bytes,
  LABELS_OF_TEST,
  LIMITS,
  type MakeHarness,
  openPlain,
  PLAIN,
  printed,
  type SandboxHarness,
  text,
} from "./sandbox-harness.ts";

export const sandboxEnvironmentSuite = (make: MakeHarness) =>
  describe("environments", () => {
    let harness: SandboxHarness;
    beforeAll(async () => {
      harness = await make();
    });
    afterAll(() => harness[Symbol.asyncDispose]());

    const nonce = randomUUID();
    const build = async (spec: Partial<EnvironmentSpec>, lines: string[] = []) => {
      const environment = await harness.sandboxes.environment(
        { ...PLAIN, ...spec },
        { onLine: (line) => void lines.push(line) },
      );
      if ((spec.setup ?? []).length > 0) harness.discardLater(environment.image);
      return environment;
    };
    const manifest = (content: string) => ({
      path: "pkg/manifest.txt",
      bytes: bytes(content),
      executable: false,
    });

    it("without set-up are the base image itself", async () => {
      expect(await build({})).toMatchObject({ cached: true, log: "" });
    });

    it("tell the search path that gates have in them", async () => {
      const { image, env } = await build({});
      const { output } = await harness.sandboxes.runGate({
        ...{ image, limits: LIMITS, env: {}, labels: LABELS_OF_TEST, command: "echo $PATH" },
        ...{ tar: new Uint8Array(1024), timeoutMs: 20_000, maxOutputBytes: 1000 },
      });
      expect(env?.PATH).toBe(output.trim());
    });

    it("hold what set-up made of the files, and not the files themselves", async () => {
      const lines: string[] = [];
      const setup = [
        "cp pkg/manifest.txt installed.txt; id -u; echo $CI",
        "printf '\\033[31mred\\033[0m\\n'",
      ];
      const environment = await build({ setup, files: [manifest(nonce)] }, lines);
      expect(environment.cached).toBe(false);
      expect(lines).toEqual([`$ ${setup[0]}`, "10001", "true", `$ ${setup[1]}`, "red"]);
      expect(environment.log).toContain("10001\n");
      await using sandbox = await openPlain(harness, { image: environment.image });
      expect(text(await sandbox.read("installed.txt", 100))).toBe(nonce);
      expect(await sandbox.read("pkg/manifest.txt", 100)).toBeUndefined();
      const names = await printed(sandbox, "env | cut -d= -f1 | sort | tr '\\n' ' '");
      expect(names).toBe("HOME HOSTNAME LANG PATH PWD SANDBOX_COMMAND");
    });

    it("are built once for equal inputs, and anew when one differs", async () => {
      const spec = { setup: [`echo ${nonce} > once.txt`], files: [manifest("1")] };
      const [first, second] = await Promise.all([build(spec), build(spec)]);
      expect([first.cached, second.cached].sort()).toEqual([false, true]);
      expect(second.image).toBe(first.image);
      expect((await build({ ...spec, files: [manifest("2")] })).cached).toBe(false);
      expect((await build({ ...spec, env: { MODE: "other" } })).cached).toBe(false);
      expect((await build(spec)).cached).toBe(true);
    });

    it("whose set-up fails say which command, how, and with what output", async () => {
      const failed = build({ setup: ["echo fine", "echo broken >&2; exit 9", "echo never"] });
      const error = await failed.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(SetupFailedError);
      expect(error).toMatchObject({
        exitCode: 9,
        command: "echo broken >&2; exit 9",
        log: "$ echo fine\nfine\n$ echo broken >&2; exit 9\nbroken\n",
      });
    });

    it("whose set-up takes too long are given up", async () => {
      const slow = build({ setup: ["echo begun; sleep 60"], timeoutMs: 1500 });
      await expect(slow).rejects.toMatchObject({
        name: "SetupFailedError",
        exitCode: null,
        log: expect.stringMatching(/begun\nset-up was stopped: it took more than 2 s\n$/),
      });
    });

    it("do not wait for what set-up left running", async () => {
      const started = performance.now();
      await build({ setup: [`sleep 50 & echo ${nonce} > daemon.txt`] });
      expect(performance.now() - started).toBeLessThan(30_000);
    });

    it("refuse files that would leave the workspace", async () => {
      const files = [{ path: "../../etc/passwd", bytes: bytes("x"), executable: false }];
      await expect(build({ setup: ["true"], files })).rejects.toThrow(/leaves the workspace/);
    });

    it("can be given up while they are built", async () => {
      const given = new AbortController();
      const spec = { ...PLAIN, setup: ["sleep 60"] };
      setTimeout(() => given.abort(new Error("run cancelled")), 1500);
      const building = harness.sandboxes.environment(spec, {}, given.signal);
      await expect(building).rejects.toThrow("run cancelled");
    });
  });
