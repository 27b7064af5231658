import type { GateEnd, GateSpec } from "@headrace/domain";
import { beforeAll, describe, expect, it } from "vitest";
import { tarOf } from "../../support/tar.ts";

const FOLDER = "/var/lib/headrace/4f5a";
const OUT = `${FOLDER}/out`;

type RunGate = (
  command: string,
  options: Required<Pick<GateSpec, "beside" | "collect">> & { timeoutMs?: number },
) => Promise<GateEnd>;

/** The factory's own files beside a gate's tree, and what is read of the one folder that the gate may write. */
export const sandboxGateFiles = (run: RunGate) =>
  describe("with files of the factory's own beside them", () => {
    let tar: Uint8Array;
    beforeAll(async () => {
      tar = await tarOf([
        { name: "reporter.mjs", mode: 0o644, text: "// ours\n" },
        { name: "bin", mode: 0o755 },
        { name: "bin/shim", mode: 0o755, text: "#!/bin/sh\necho shim ran\n" },
        { name: "out", mode: 0o777 },
      ]);
    });
    const gate = (command: string, limits = { maxBytes: 1_000_000, maxFiles: 100 }) =>
      run(command, { beside: { path: FOLDER, tar }, collect: { path: OUT, ...limits } });
    const collected = async (command: string, limits?: { maxBytes: number; maxFiles: number }) => {
      const { collected } = await gate(command, limits);
      const files = (collected?.files ?? []).map(({ name, bytes }) => [
        name,
        Buffer.from(bytes).toString(),
      ]);
      return { files: Object.fromEntries(files), cut: collected?.cut ?? false };
    };

    it("read and run them, and cannot change them", async () => {
      const change = `for f in reporter.mjs bin/shim new; do echo x > ${FOLDER}/$f && echo changed; done`;
      const move = `mv ${FOLDER}/bin ${FOLDER}/gone; rm -rf ${FOLDER}/reporter.mjs ${OUT}`;
      const result = await gate(
        `(${change}; ${move}) 2>/dev/null; ${FOLDER}/bin/shim && cat ${FOLDER}/reporter.mjs`,
      );
      expect(result).toMatchObject({ exitCode: 0, output: "shim ran\n// ours\n" });
    });

    it("have what they write there collected, green or red, and nothing where they wrote nothing", async () => {
      const write = `printf 1 > ${OUT}/a-1.json; printf 2 > ${OUT}/b.xml; exit 3`;
      expect(await collected(write)).toEqual({
        files: { "a-1.json": "1", "b.xml": "2" },
        cut: false,
      });
      expect(await gate("true")).toMatchObject({ collected: { files: [], cut: false } });
    });

    it("have links, pipes, sockets, folders and odd names passed over", async () => {
      const hostile = [
        `ln -s /etc/shadow ${OUT}/shadow.json`,
        `ln -s ../reporter.mjs ${OUT}/near.json`,
        `mkfifo ${OUT}/pipe.json`,
        `mkdir -p ${OUT}/deep && echo x > ${OUT}/deep/x.json`,
        `printf x > "${OUT}/a b.json"`,
        `printf x > "${OUT}/$(printf 'new\\nline')"`,
        `node -e 'require("net").createServer().listen("${OUT}/socket", () => process.exit())'`,
        `printf good > ${OUT}/good.json`,
        `printf inner > '${OUT}/TEST-a.A$B.xml'`,
      ];
      expect(await collected(hostile.join("; "))).toEqual({
        files: { "good.json": "good", "TEST-a.A$B.xml": "inner" },
        cut: false,
      });
    });

    it("have a file that is too large left where it is, and it is said that there was more", async () => {
      expect(await collected(`truncate -s 1000M ${OUT}/large.json`)).toEqual({
        files: {},
        cut: true,
      });
    });

    it("have no more files looked at than are wanted", async () => {
      const many = `cd ${OUT} && seq 20000 | xargs touch`;
      const { files, cut } = await collected(many, { maxBytes: 1000, maxFiles: 10 });
      expect(cut).toBe(true);
      expect(Object.keys(files).length).toBeLessThanOrEqual(10);
    });

    it.each([
      ["removed", "rm -rf OUT"],
      ["replaced by a link to a folder", "rm -rf OUT; ln -s /etc OUT"],
      ["replaced by a link to a file", "rm -rf OUT; ln -s /etc/passwd OUT"],
      ["replaced by a file", "rm -rf OUT; echo x > OUT"],
    ])("whose folder was %s have left nothing", async (_, command) => {
      const open = `${FOLDER}/open`;
      const loose = await tarOf([
        { name: "open", mode: 0o777 },
        { name: "open/out", mode: 0o777 },
      ]);
      const end = await run(`${command.replaceAll("OUT", `${open}/out`)}; true`, {
        beside: { path: FOLDER, tar: loose },
        collect: { path: `${open}/out`, maxBytes: 1_000_000, maxFiles: 100 },
      });
      expect(end.collected?.files ?? []).toEqual([]);
    });

    it("are not asked for anything when they were ended", async () => {
      const end = await run(`echo x > ${OUT}/x.json; sleep 60`, {
        beside: { path: FOLDER, tar },
        collect: { path: OUT, maxBytes: 1000, maxFiles: 10 },
        timeoutMs: 1500,
      });
      expect(end.timedOut).toBe(true);
      expect(end.collected).toBeUndefined();
    });
  });
