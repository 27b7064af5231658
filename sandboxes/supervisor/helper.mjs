import { spawn } from "node:child_process";
import { HELPER, MARK } from "./processes.mjs";

/** Runs one of the supervisor's own programs; resolves with its stdout, throws with its stderr. */
export function run(file, args, { input, env = {}, maxBytes = 64 * 1024 * 1024 } = {}) {
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
      if (size > maxBytes) reject(new Error(`${args[0]}: more than ${maxBytes} bytes`));
      else if (code !== 0) reject(new Error(stderr.trim() || `${file} ended with ${code}`));
      else resolve(Buffer.concat(stdout));
    });
  });
}
