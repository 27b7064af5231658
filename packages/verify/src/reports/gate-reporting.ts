import { randomBytes } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { type Gate, PRODUCT } from "@headrace/domain";
import { pack } from "tar-stream";

/** How the test runners of one gate come to report: files beside the tree, and the environment that leads to them. */
export type GateReporting = {
  /** in the name of the folder and in every report; no tree can know it before the gate runs */
  nonce: string;
  /** absolute, `/var/lib/headrace/<nonce>` */
  folder: string;
  /** to be extracted in `folder`: root's, and only `out/` can be written by the gate's user */
  tar: Uint8Array;
  /** absolute: what is found in it after the gate's end is for `readReports` */
  out: string;
  /**
   * The variables that change, over those which the gate would have without: its policy's, and its image's where these
   * are not named there, for a variable of the container replaces the image's own.
   */
  env(own: Readonly<Record<string, string>>): Record<string, string>;
};

const SOURCE = new URL("../../../../sandboxes/reporters/", import.meta.url);

/** Without bytes, a folder: each is named, since what an engine makes unasked has modes of its own. */
type Source = { name: string; mode: number; bytes?: Buffer };

let sources: Promise<Source[]> | undefined;

const readSources = async (): Promise<Source[]> => {
  const names = await readdir(SOURCE, { recursive: true });
  return Promise.all(
    names
      .filter((name) => !name.includes("__pycache__"))
      .sort()
      .map(async (name) => {
        const url = new URL(name, SOURCE);
        if ((await stat(url)).isDirectory()) return { name, mode: 0o755 };
        const mode = name.endsWith(".sh") ? 0o755 : 0o644;
        return { name, mode, bytes: await readFile(url) };
      }),
  );
};

const makeTar = async (files: readonly Source[]): Promise<Buffer> => {
  const tar = pack();
  for (const { name, mode, bytes } of files) {
    const header = { name, mode, uid: 0, gid: 0, mtime: new Date(0) };
    if (bytes === undefined) tar.entry({ ...header, type: "directory" });
    else tar.entry(header, bytes);
  }
  tar.finalize();
  return buffer(tar);
};

const joined = (parts: readonly (string | undefined)[], by: string): string =>
  parts.filter((part) => part !== undefined && part !== "").join(by);

/** A program that is to run test programs already, an emulator say, stays. */
const addGo = (flags: string | undefined, folder: string): Record<string, string> =>
  /(?:^|\s)--?exec\b/.test(flags ?? "")
    ? {}
    : { GOFLAGS: joined([flags, `-exec=${folder}/run-go-test.sh`], " ") };

/** Cargo asks for the runner of the system it builds for. */
const CARGO_RUNNERS = ["X86_64", "AARCH64"].flatMap((cpu) =>
  ["GNU", "MUSL"].map((libc) => `CARGO_TARGET_${cpu}_UNKNOWN_LINUX_${libc}_RUNNER`),
);

const addCargo = (own: Readonly<Record<string, string>>, folder: string): Record<string, string> =>
  Object.fromEntries(
    CARGO_RUNNERS.filter((name) => own[name] === undefined).map((name) => [
      name,
      `${folder}/run-cargo-test.sh`,
    ]),
  );

/** Open to all: the gate's user has another number in some jails. */
const OUT: Source = { name: "out", mode: 0o777 };

/** By which a command of its own finds where to write what it reports. */
export const REPORTS_VARIABLE = `${PRODUCT.toUpperCase()}_REPORTS`;

/** New for each gate. */
export const gateReporting = async (report?: Gate["report"]): Promise<GateReporting> => {
  sources ??= readSources();
  const nonce = randomBytes(16).toString("hex");
  const folder = `/var/lib/${PRODUCT}/${nonce}`;
  const out = `${folder}/${OUT.name}`;
  return {
    nonce,
    folder,
    tar: await makeTar([...(await sources), OUT]),
    out,
    env: (own) => ({
      NODE_OPTIONS: joined([own.NODE_OPTIONS, `--require ${folder}/preload.cjs`], " "),
      // pytest finds a plugin by its entry point
      PYTHONPATH: joined([own.PYTHONPATH, `${folder}/python`], ":"),
      ...addGo(own.GOFLAGS, folder),
      ...addCargo(own, folder),
      ...(report === undefined ? {} : { [REPORTS_VARIABLE]: out }),
    }),
  };
};
