import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { gateReporting } from "../../packages/verify/src/reports/gate-reporting.ts";
import { type ReportAnswer, readReports } from "../../packages/verify/src/reports/read-reports.ts";
import { tempDir } from "./git.ts";

type Reported = {
  exitCode: number | null;
  out: string;
  err: string;
  answer: ReportAnswer;
  /** `passed file > suite > test`, of a report alone */
  tests: string[];
};

/** A folder with a repository's files, in which commands run as gates do: with our reporters beside it. */
export type ReportedFolder = AsyncDisposable & {
  dir: string;
  file(path: string, text: string): Promise<void>;
  /** Runs `sh -c command` in it; `env` is the gate's own. */
  run(command: string, env?: Record<string, string>): Promise<Reported>;
};

const OWN = ["PATH", "HOME"];
const MINUTES_MS = 240_000;

export const openReportedFolder = async (): Promise<ReportedFolder> => {
  // as programs see it: a Mac's folder for temporary files is behind a link
  const path = await realpath((await tempDir("headrace-reports-")).path);
  const dir = join(path, "tree");
  await mkdir(dir);
  return {
    dir,
    async file(name, text) {
      await mkdir(dirname(join(dir, name)), { recursive: true });
      await writeFile(join(dir, name), text);
    },
    async run(command, more = {}) {
      const reporting = await gateReporting();
      const folder = join(path, basename(reporting.folder));
      await mkdir(folder);
      spawnSync("tar", ["-x", "--no-same-owner", "-C", folder], { input: reporting.tar });
      const here = (text: string) => text.replaceAll(reporting.folder, folder);
      const own = Object.fromEntries(OWN.map((name) => [name, process.env[name] ?? ""]));
      const added = Object.entries(reporting.env({ ...own, ...more }));
      const env = {
        ...{ ...own, CI: "true", NO_COLOR: "1", ...more },
        ...Object.fromEntries(added.map(([name, value]) => [name, here(value)])),
      };
      const ended = spawnSync("sh", ["-c", command], {
        ...{ cwd: dir, env, encoding: "utf8", timeout: MINUTES_MS, killSignal: "SIGKILL" },
      });
      const out = here(reporting.out);
      const files = await Promise.all(
        (await readdir(out)).map(async (name) => ({
          name,
          bytes: await readFile(join(out, name)),
        })),
      );
      const answer = readReports(files, reporting.nonce);
      const told = answer.kind === "report" ? answer.report.tests : [];
      const tests = told.map(({ name, outcome }) => `${outcome} ${name.replace(`${dir}/`, "")}`);
      return { exitCode: ended.status, out: ended.stdout, err: ended.stderr, answer, tests };
    },
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
    },
  };
};
