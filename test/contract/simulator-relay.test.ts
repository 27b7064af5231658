import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSimulator } from "@headrace/simulator";
import { describe, expect, onTestFinished, test } from "vitest";
import { clientOf, failureOf, grown, request } from "../support/models.ts";

describe("a relay", () => {
  const relay = async (waitMs = 20_000) => {
    const dir = await mkdtemp(join(tmpdir(), "headrace-relay-"));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    return { dir, open: () => startSimulator({ mode: { kind: "relay", dir, waitMs } }) };
  };
  const requestFile = async (dir: string): Promise<string> => {
    const names = async () =>
      (await readdir(join(dir, "requests"))).filter((name) => name.endsWith(".json"));
    await expect.poll(names, { timeout: 10_000 }).toHaveLength(1);
    return (await names())[0] ?? "";
  };

  test("is played by another process that sees only the files", async () => {
    const { dir, open } = await relay();
    await using simulator = await open();
    const other = spawn(process.execPath, ["test/fixtures/relay-model.mjs", dir, "2"], {
      stdio: "inherit",
    });
    const left = new Promise((resolve) => other.once("exit", resolve));
    const client = clientOf(simulator);
    const { reply: first } = await client.complete(request());
    expect(first).toMatchObject({
      stopReason: "tool_use",
      content: [
        { type: "text", text: "turn 1 of 1 tools" },
        { name: "read", input: { path: "README.md" } },
      ],
    });
    const { reply: second } = await client.complete(grown(1));
    expect(second.content[0]).toEqual({ type: "text", text: "turn 2 of 1 tools" });
    expect(await left).toBe(0);
    expect(await readFile(join(dir, "README.txt"), "utf8")).toContain("replies/");
  });

  test("asked again after a restart, uses the same name and the same reply", async () => {
    const { dir, open } = await relay();
    const first = await open();
    const abandoned = failureOf(clientOf(first).complete(request()));
    const name = await requestFile(dir);
    expect(name).toMatch(/^hr1\.r1\.t1\.coder\.1\.1-t1-[0-9a-f]{8}\.json$/);
    await first.close();
    expect((await abandoned).facts.class).toBe("network");

    await using second = await open();
    const answer = clientOf(second).complete(request());
    await writeFile(join(dir, "replies", name), '{"content":[{"type":"text","text":"here"}]}');
    expect((await answer).reply.content).toEqual([{ type: "text", text: "here" }]);
    expect((await clientOf(second).complete(request())).reply.id).toBe((await answer).reply.id);
    expect(await readdir(join(dir, "requests"))).toEqual([name]);
  });

  test("explains an unusable reply beside it and waits for a better one", async () => {
    const { dir, open } = await relay();
    await using simulator = await open();
    const answer = clientOf(simulator).complete(request());
    const file = join(dir, "replies", await requestFile(dir));
    const explained = () => readFile(`${file}.error`, "utf8").catch(() => "");
    await writeFile(file, '{"content": [{"type": "text"');
    await expect.poll(explained).toContain("not JSON");
    await writeFile(
      file,
      '{"content": [{"type": "tool_use", "name": "read", "input": "README.md"}]}',
    );
    await expect.poll(explained).toContain("content[0].input");
    await writeFile(file, '{"content": [{"type": "tool_use", "name": "read", "input": {}}]}');
    expect((await answer).reply.stopReason).toBe("tool_use");
    expect(await explained()).toBe("");
  });

  test("gives up after the bound, which is a failure of the provider", async () => {
    const { open } = await relay(50);
    await using simulator = await open();
    const failure = await failureOf(clientOf(simulator).complete(request()));
    expect(failure).toMatchObject({ facts: { class: "server", status: 504 } });
    const late = await relay(900);
    await using slow = await late.open();
    expect(await failureOf(clientOf(slow).complete(request()))).toMatchObject({
      facts: { class: "server" },
      message: expect.stringContaining("no usable reply file"),
    });
  });
});
