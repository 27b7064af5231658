import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { describe, expect, test } from "vitest";
import { collectTar } from "./collect.ts";

const LIMITS = { maxBytes: 1000, maxFiles: 5 };

type Entry = Parameters<ReturnType<typeof pack>["entry"]>[0] & { text?: string };

const tarOf = (entries: readonly Entry[]): Readable => {
  const tar = pack();
  for (const { text = "", ...header } of entries) {
    if (header.type === undefined || header.type === "file") tar.entry(header, text);
    else tar.entry(header);
  }
  tar.finalize();
  return Readable.from(tar);
};

const names = async (entries: readonly Entry[], limits = LIMITS) => {
  const { files, cut } = await collectTar(tarOf(entries), "out", limits);
  return { names: files.map(({ name }) => name), cut };
};

describe("a folder that is collected", () => {
  test("gives its regular files", async () => {
    const tar = tarOf([
      { name: "out/", type: "directory" },
      { name: "out/a-1.json", text: "{}" },
      { name: "out/b.xml", text: "<b/>" },
    ]);
    const { files, cut } = await collectTar(tar, "out", LIMITS);
    expect(files.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])).toEqual([
      ["a-1.json", "{}"],
      ["b.xml", "<b/>"],
    ]);
    expect(cut).toBe(false);
  });

  test("gives nothing that is a link, a device, nested, or oddly named", async () => {
    const entries: Entry[] = [
      { name: "out/link", type: "symlink", linkname: "/etc/shadow" },
      { name: "out/hard", type: "link", linkname: "/etc/shadow" },
      { name: "out/pipe", type: "fifo" },
      { name: "out/deeper/x.json", text: "x" },
      { name: "out/../escaped", text: "x" },
    ];
    expect(await names(entries)).toEqual({ names: [], cut: false });
    expect(await names([{ name: "out/a b", text: "x" }])).toEqual({ names: [], cut: false });
    expect(await names([{ name: "/etc/passwd", text: "x" }])).toEqual({ names: [], cut: false });
    expect(await names([{ name: "out", text: "x" }])).toEqual({ names: [], cut: false });
    expect(await names([{ name: "out", type: "symlink", linkname: "/" }])).toMatchObject({
      names: [],
    });
  });

  test("is cut where it holds more bytes than are wanted, and says so", async () => {
    const one = { name: "out/one", text: "x".repeat(900) };
    expect(await names([one, { name: "out/two", text: "x".repeat(200) }])).toEqual({
      names: ["one"],
      cut: true,
    });
  });

  test("is cut where it holds more entries than are wanted, whatever they are", async () => {
    const links = Array.from({ length: 9 }, (_, i) => ({
      ...{ name: `out/${i}`, type: "symlink" as const, linkname: "/" },
    }));
    expect(await names([...links, { name: "out/a", text: "x" }])).toEqual({
      names: [],
      cut: true,
    });
  });

  test("is never read further than its limits, whatever is passed over", async () => {
    const long = { name: "out/deeper/long", text: "x".repeat(90_000) };
    expect(await names([long, { ...long, name: "out/deeper/longer" }])).toEqual({
      names: [],
      cut: true,
    });
  });

  test("that breaks off is an error, never an empty folder", async () => {
    const whole = await Readable.from(tarOf([{ name: "out/a", text: "x".repeat(900) }])).toArray();
    const half = Buffer.concat(whole as Buffer[]).subarray(0, 700);
    await expect(collectTar(Readable.from([half]), "out", LIMITS)).rejects.toThrow();
  });
});
