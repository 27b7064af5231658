import { buffer } from "node:stream/consumers";
import type { ExecResult } from "@headrace/domain";
import { pack } from "tar-stream";
import { expect } from "vitest";
import { LABELS_OF_TEST, sh } from "../../contract/suites/sandbox-harness.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";
import { handIn, LIMITS, type Stage } from "../stage.ts";

type Archive = {
  n: number;
  title: string;
  /** Python that writes the archive `x`; PLACES are a folder of the gate, and one that only the host has */
  make: string;
  /** where the gate unpacks it; in memory unless given, where there is less room than a careless one fills */
  into?: string;
  /** what shows that unpacking it did the harm it was made for, inside of the gate */
  harm: (unpacked: ExecResult) => unknown;
};

/** Beside the folder that the archive is unpacked in. */
const OUTSIDE = "/tmp/outside";
const MEMORY_MB = 256;

const archive = ({ n, title, make, into = "/tmp/a/b/c", harm }: Archive): HostileCase =>
  hostile({
    id: `A0${n}`,
    title: `${title}, in the tree and in what a gate leaves`,
    verdict: "contained",
    async build(stage) {
      const sandbox = await stage.shared();
      await sh(sandbox, "rm -rf ./* ./.[!.]*; echo kept > a.txt");
      const places = `PLACES = ${JSON.stringify([OUTSIDE, stage.tripwires.folder])}`;
      await sandbox.write("/tmp/make.py", Buffer.from(`${places}\n${PRELUDE}\n${make}`));
      const { exitCode, output } = await sh(sandbox, "python3 /tmp/make.py", 60_000);
      if (exitCode !== 0) throw new Error(`the archive could not be made: ${output}`);
      return sandbox;
    },
    async run(sandbox, stage): Promise<Verdict> {
      const made = await sandbox.read("x", 50_000_000);
      if (made === undefined) throw new Error("there is no archive");
      await handIn(stage, sandbox);
      harm(await unpacked(stage, made.bytes, into));
      await stage.tripwires.assertSilent(title);
      return "contained";
    },
  });

/** Believes every name and size, and unpacks what it unpacked; goes on after what it is refused. */
const CARELESS = `
import os, sys, tarfile, zipfile
tarfile.TarFile.extraction_filter = staticmethod(lambda member, path: member)
def attempt(work, *args):
    try: return work(*args)
    except (OSError, tarfile.TarError) as error: print(error)
def unpack(file, into):
    os.makedirs(into)
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as z:
            for name in z.namelist():
                inner = z.extract(name, into)
                if zipfile.is_zipfile(inner): unpack(inner, inner + ".d")
        return
    with tarfile.open(file) as t:
        for member in t: attempt(t.extract, member, into)
attempt(unpack, sys.argv[1], sys.argv[2])
`;

/** A gate that unpacks the archive into a folder of its own, and tells what then stands outside of it. */
const unpacked = async (stage: Stage, archived: Uint8Array, into: string): Promise<ExecResult> => {
  const { sandboxes } = await stage.engine();
  const tar = pack();
  for (const [name, bytes] of Object.entries({ x: archived, "unpack.py": CARELESS }))
    tar.entry({ name, uid: 10_001, gid: 10_001 }, Buffer.from(bytes));
  tar.finalize();
  const places = `"${OUTSIDE}" "${stage.tripwires.folder}"`;
  const targets = `for place in ${places}; do mkdir -p $place; echo untouched > $place/treasure.txt; done`;
  return sandboxes.runGate({
    image: await stage.image(),
    command: `${targets}; python3 unpack.py x ${into}; tail -n +1 ${OUTSIDE}/*; du -sm ${into}`,
    tar: await buffer(tar),
    env: {},
    limits: { ...LIMITS, memoryMb: MEMORY_MB, inodes: 2000 },
    labels: LABELS_OF_TEST,
    timeoutMs: 60_000,
    maxOutputBytes: 5000,
  });
};

const PRELUDE = `
import io, tarfile, zipfile
def entry(tar, name, data=b"pwned\\n", **more):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items(): setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))
def zipped(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in entries: z.writestr(name, data)
    return out.getvalue()
`;

const UP = "../".repeat(12);

const tar = (...lines: string[]): string =>
  [`with tarfile.open("x", "w") as t:`, "    for n, place in enumerate(PLACES):"]
    .concat(lines.map((line) => `        ${line}`))
    .join("\n");

/** A file stands outside of the folder, or another than the gate put there. */
const escaped = ({ output }: ExecResult) => expect(output).toMatch(/^pwned$/m);

/** Much came out, and all that the gate's /tmp may hold. */
const filled = ({ output }: ExecResult) => {
  expect(output).toContain("No space left");
  const [, megabytes] = /^(\d+)\t\/tmp\/a\/b\/c$/m.exec(output) ?? [];
  expect(Number(megabytes)).toBeGreaterThan(MEMORY_MB / 3);
  expect(Number(megabytes)).toBeLessThanOrEqual(MEMORY_MB / 2);
};

const ATTACKS: readonly Archive[] = [
  {
    n: 1,
    title: "a tar with ../",
    make: tar(`entry(t, "${UP}" + place + "/pwned")`),
    harm: escaped,
  },
  {
    n: 2,
    title: "a tar with absolute names",
    make: tar('entry(t, place + "/pwned")', 'entry(t, "/etc/cron.d/x")'),
    harm: escaped,
  },
  {
    n: 3,
    title: "a tar with a link and a file through it",
    make: tar(
      'entry(t, f"l{n}", b"", type=tarfile.SYMTYPE, linkname=place)',
      'entry(t, f"l{n}/pwned")',
    ),
    harm: escaped,
  },
  {
    n: 4,
    title: "a tar whose link is made in two steps",
    make: tar(
      'entry(t, f"a{n}", b"", type=tarfile.SYMTYPE, linkname=".")',
      `entry(t, f"a{n}/b{n}", b"", type=tarfile.SYMTYPE, linkname="${UP}" + place)`,
      'entry(t, f"b{n}/pwned")',
    ),
    harm: escaped,
  },
  {
    n: 5,
    title: "a tar with a hard link outside",
    make: tar(
      'entry(t, f"h{n}", b"", type=tarfile.LNKTYPE, linkname=place + "/treasure.txt")',
      'entry(t, f"h{n}")',
    ),
    harm: escaped,
  },
  {
    n: 6,
    title: "a zip bomb",
    make: 'open("x", "wb").write(zipped((f"b{i}", bytes(50_000_000)) for i in range(20)))',
    harm: filled,
  },
  {
    n: 7,
    title: "zips in zips, 10 GB in all",
    make: [
      "data = bytes(10_000_000)",
      'for depth in range(5): data = zipped((f"{i}.zip", data) for i in range(4))',
      'open("x", "wb").write(data)',
    ].join("\n"),
    harm: filled,
  },
  {
    n: 8,
    title: "a tar whose size header lies",
    make: 'out = io.BytesIO()\nwith tarfile.open(fileobj=out, mode="w") as t: entry(t, "f")\nraw = bytearray(out.getvalue())\nraw[124:136] = b"77777777777\\0"\nraw[148:156] = b" " * 8\nraw[148:156] = (b"%06o\\0 " % sum(raw[:512]))\nopen("x", "wb").write(raw)',
    harm: ({ output }: ExecResult) => expect(output).toContain("unexpected end of data"),
  },
  {
    n: 9,
    title: "a tar of 20,000 empty entries",
    make: 'with tarfile.open("x", "w") as t:\n    for i in range(20_000): entry(t, f"d/{i}", b"")',
    into: "/workspace/out",
    harm: ({ exceeded }: ExecResult) => expect(exceeded).toBe("inodes"),
  },
];

export const ARCHIVES: readonly HostileCase[] = ATTACKS.map(archive);
