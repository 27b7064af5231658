import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";

const MODULE = JSON.stringify(new URL("shutdown.ts", import.meta.url).href);

/** Runs a program that uses the module, sends it a signal once it is up, and answers what it printed and how it ended. */
const interrupted = async (program: string, signal: NodeJS.Signals) => {
  const source = `import { onShutdown } from ${MODULE};\n${program}\nconsole.log("up"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
    if (chunk.includes("up\n")) child.kill(signal);
  });
  const [code] = await once(child, "exit");
  return { output, code };
};

const CLEANUP = `onShutdown(async () => { await new Promise((r) => setTimeout(r, 50)); console.log("cleaned"); });`;

it.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("cleans up before %s ends the process", async (signal, code) => {
  const failing = `onShutdown(() => Promise.reject(new Error("no")));`;
  expect(await interrupted(failing + CLEANUP, signal)).toEqual({ output: "up\ncleaned\n", code });
});

it("leaves the signal to an application that handles it", async () => {
  const own = `process.on("SIGTERM", () => { console.log("own"); process.exit(7); });`;
  expect(await interrupted(CLEANUP + own, "SIGTERM")).toEqual({ output: "up\nown\n", code: 7 });
});

it("does nothing any more for what was taken back", async () => {
  const program = `const forget = onShutdown(async () => console.log("never")); forget();`;
  expect(await interrupted(program, "SIGTERM")).toEqual({ output: "up\n", code: null });
});
