import { spawn } from "node:child_process";
import { HELPER, MARK } from "./processes.mjs";

const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Runs one of the supervisor's own programs; resolves with its stdout, throws with its stderr, or with `tooMuch`
 * where stdout is longer than `maxBytes`.
 */
export function run(file, args, options = {}) {
  const { input, env = {}, maxBytes = MAX_BYTES, tooMuch = `${file} printed too much` } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      env: { ...process.env, ...env, [MARK]: HELPER },
    });
    const stdout = [];
    let size = 0;
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      size += chunk.length;
      if (size > maxBytes) child.kill("SIGKILL");
      else stdout.push(chunk);
    });
    child.stderr.on("data", (chunk) => {
      stderr = `${stderr}${chunk}`.slice(-4000);
    });
    // a program that ends early closes its stdin: its exit code tells more than EPIPE
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
    child.on("error", reject);
    child.on("close", (code) => {
      if (size > maxBytes) reject(new Error(tooMuch));
      else if (code !== 0) reject(new Error(stderr.trim() || `${file} ended with ${code}`));
      else resolve(Buffer.concat(stdout));
    });
  });
}
