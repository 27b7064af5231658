import { execFile } from "node:child_process";

/** Where the host's programs are found: those of its system alone. */
export const HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const BOUND_MS = 600_000;
const MAX_BYTES = 1024 * 1024;

/** Runs a program of the host, in English and with nothing of the factory's environment; its exit code is an answer. */
export const runProgram = (
  [file = "", ...args]: readonly string[],
  signal?: AbortSignal,
): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve, reject) => {
    const env = { PATH: HOST_PATH, LC_ALL: "C" };
    const options = { env, cwd: "/", timeout: BOUND_MS, maxBuffer: MAX_BYTES, signal };
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (typeof error.code === "number") resolve({ code: error.code, stdout, stderr });
      else reject(signal?.aborted ? signal.reason : error);
    });
  });
