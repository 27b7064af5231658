import { expect, test } from "vitest";
import { refuseSecrets } from "./secret-scan.ts";

const TOKEN = ["ghp_", "abcdefghijklmnopqrstuvwxyz0123456789"].join("");

const holding = (files: Readonly<Record<string, string>>) => ({
  base: "c".repeat(40),
  repo: {
    async *files() {
      for (const [path, text] of Object.entries(files))
        yield { path, bytes: new TextEncoder().encode(text) };
    },
  },
});

test("a person's word lets findings through, and they are told all the same", async () => {
  const notes = await refuseSecrets(holding({ "a.env": `\nT=${TOKEN}`, "b.txt": "" }), true);
  expect(notes).toEqual(["a.env:2: looks like a secret (github)"]);
});

test("many findings are told in part, with how many more there are", async () => {
  const files = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`f${i}.env`, TOKEN]));
  await expect(refuseSecrets(holding(files), false)).rejects.toThrow(
    /f19\.env:1: looks like a secret \(github\)\nand 5 more\n {2}agents read/,
  );
});

test("a path from the repository cannot drive the terminal", async () => {
  const notes = await refuseSecrets(holding({ "a\u001b[2Jb\u202e.env": TOKEN }), true);
  expect(notes).toEqual(["ab.env:1: looks like a secret (github)"]);
});

test("nothing is said where there is nothing", async () => {
  const spec = { file: "spec.md", text: "# Build it" };
  expect(await refuseSecrets({ spec, ...holding({ "a.ts": "const a = 1;" }) }, false)).toEqual([]);
});
