import { randomBytes } from "node:crypto";
import { createClient, createConsole, listen } from "@headrace/console";
import { MemoryControl } from "../support/memory-control.ts";
import { sampleSubmission } from "../support/sample-submission.ts";
import { factoryControlSuite } from "./suites/factory-control-suite.ts";

const fixtureOf = (memory: MemoryControl) => ({
  submission: async () => sampleSubmission(),
  append: async (...args: Parameters<MemoryControl["append"]>) => memory.append(...args),
});

factoryControlSuite("the memory control", async () => {
  const control = new MemoryControl();
  return { control, ...fixtureOf(control), [Symbol.asyncDispose]: async () => {} };
});

factoryControlSuite("the HTTP client", async () => {
  const memory = new MemoryControl();
  const token = randomBytes(16).toString("hex");
  const onError = (error: Error) => {
    throw error;
  };
  const app = createConsole({ control: memory, token, version: "1", boot: "b1", onError });
  const { url, close } = await listen(app, { host: "127.0.0.1", port: 0 });
  return {
    control: createClient({ url, token }),
    ...fixtureOf(memory),
    [Symbol.asyncDispose]: close,
  };
});
