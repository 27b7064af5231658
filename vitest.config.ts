import { defineConfig } from "vitest/config";

const project = (name: string, include: string[], testTimeout: number) => ({
  test: { name, include, testTimeout, hookTimeout: testTimeout, globals: name === "contract" },
});

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  test: {
    projects: [
      project(
        "unit",
        [
          "packages/*/src/**/*.test.ts",
          "agents/**/*.test.ts",
          "workflows/**/*.test.ts",
          "scripts/**/*.test.ts",
          "test/*.test.ts",
        ],
        20_000,
      ),
      // every way of making gates pass that was thought of, and honest work beside it: minutes, so among the long ones
      project("cheats", ["test/cheats/**/*.test.ts"], 120_000),
      project("contract", ["test/contract/**/*.test.ts"], 120_000),
      project(
        "integration",
        ["test/integration/**/*.test.ts", "test/hostile/sample.test.ts"],
        120_000,
      ),
      project("e2e", ["test/e2e/**/*.test.ts"], 300_000),
      // minutes each: `npm run test:long`, which `npm test` leaves out; CI runs them after the rest
      project("long", ["test/long/**/*.test.ts"], 300_000),
      // and those that fill the machine by themselves: one at a time
      project("alone", ["test/alone/**/*.test.ts"], 300_000),
      // minutes of attacks: `npm run test:hostile`, which `npm test` leaves out but for a sample; CI runs them, too
      project("hostile", ["test/hostile/corpus.test.ts"], 300_000),
      // the one suite that compares times, so it wants a machine of its own: `npm run test:hostile` alone
      project("beside", ["test/hostile/beside.test.ts"], 300_000),
    ],
  },
});
