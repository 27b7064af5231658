import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { expect } from "vitest";
import { LABELS_OF_TEST, sh } from "../../contract/suites/sandbox-harness.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";
import { handIn, LIMITS, type Stage } from "../stage.ts";

/** Python that writes the archive `x`; HOST is a folder that only the host has. */
const archive = (n: number, title: string, verdict: Verdict, python: string): HostileCase =>
  hostile({
    id: `A0${n}`,
    title: `${title}, in the tree and in what a gate leaves`,
    verdict,
    async build(stage) {
      const sandbox = await stage.shared();
      await sh(sandbox, "rm -rf ./* ./.[!.]*; echo kept > a.txt");
      const program = `HOST = ${JSON.stringify(stage.tripwires.folder)}\n${PRELUDE}\n${python}`;
      await sandbox.write("/tmp/make.py", Buffer.from(program));
      const { exitCode, output } = await sh(sandbox, "python3 /tmp/make.py", 60_000);
      if (exitCode !== 0) throw new Error(`the archive could not be made: ${output}`);
      return sandbox;
    },
    async run(sandbox, stage) {
      const made = await sandbox.read("x", 50_000_000);
      if (made === undefined) throw new Error("there is no archive");
      await handIn(stage, sandbox);
      await unpacks(stage, made.bytes);
      await stage.tripwires.assertSilent(title);
      return verdict;
    },
  });

/** A gate that unpacks the archive over the root of its own container. */
const unpacks = async (stage: Stage, archived: Uint8Array) => {
  const { sandboxes } = await stage.engine();
  const tar = pack();
  tar.entry({ name: "x", uid: 10_001, gid: 10_001 }, Buffer.from(archived));
  tar.finalize();
  const result = await sandboxes.runGate({
    image: await stage.image(),
    command: "(tar -xf x -C / || python3 -m zipfile -e x /) 2>/dev/null; echo unpacked",
    tar: await buffer(tar),
    env: {},
    limits: LIMITS,
    labels: LABELS_OF_TEST,
    timeoutMs: 20_000,
    maxOutputBytes: 1000,
  });
  expect(result).toMatchObject({ exitCode: 0, output: "unpacked\n" });
};

const PRELUDE = `
import io, os, struct, tarfile, zipfile
def entry(tar, name, data=b"pwned", **more):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items(): setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))
`;

const tar = (...lines: string[]): string =>
  `with tarfile.open("x", "w") as t:\n${lines.map((line) => `    ${line}`).join("\n")}`;

export const ARCHIVES: readonly HostileCase[] = [
  archive(1, "a tar with ../", "contained", tar('entry(t, "../../../.." + HOST + "/pwned")')),
  archive(
    2,
    "a tar with absolute names",
    "contained",
    tar('entry(t, HOST + "/pwned")', 'entry(t, "/etc/cron.d/x")'),
  ),
  archive(
    3,
    "a tar with a link and a file through it",
    "contained",
    tar('entry(t, "l", b"", type=tarfile.SYMTYPE, linkname=HOST)', 'entry(t, "l/pwned")'),
  ),
  archive(
    4,
    "a tar whose link is made in two steps",
    "contained",
    tar(
      'entry(t, "a", b"", type=tarfile.SYMTYPE, linkname=".")',
      'entry(t, "a/b", b"", type=tarfile.SYMTYPE, linkname="../../.." + HOST)',
      'entry(t, "b/pwned")',
    ),
  ),
  archive(
    5,
    "a tar with a hard link outside",
    "contained",
    tar(
      'entry(t, "h", b"", type=tarfile.LNKTYPE, linkname=HOST + "/treasure.txt")',
      'entry(t, "h")',
    ),
  ),
  archive(
    6,
    "a zip bomb",
    "contained",
    'with zipfile.ZipFile("x", "w", zipfile.ZIP_DEFLATED) as z:\n    for i in range(20): z.writestr(f"b{i}", bytes(50_000_000))',
  ),
  archive(
    7,
    "zips in zips",
    "contained",
    'data = b"x" * 100_000\nfor depth in range(30):\n    out = io.BytesIO()\n    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z: z.writestr("n.zip", data)\n    data = out.getvalue()\nopen("x", "wb").write(data)',
  ),
  archive(
    8,
    "a tar whose size header lies",
    "contained",
    'out = io.BytesIO()\nwith tarfile.open(fileobj=out, mode="w") as t: entry(t, "f")\nraw = bytearray(out.getvalue())\nraw[124:136] = b"77777777777\\0"\nraw[148:156] = b" " * 8\nraw[148:156] = (b"%06o\\0 " % sum(raw[:512]))\nopen("x", "wb").write(raw)',
  ),
  archive(
    9,
    "a tar of 20,000 empty entries",
    "contained",
    'with tarfile.open("x", "w") as t:\n    for i in range(20_000): entry(t, f"d/{i}", b"")',
  ),
];
