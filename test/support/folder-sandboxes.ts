import type { Sandboxes } from "@headrace/domain";
import { folderSandbox } from "./folder-sandbox.ts";

const unused = (): never => {
  throw new Error("folders are for agents alone");
};

/** Sandboxes of agents that are folders: no isolation, no set-up and no gates. */
export const folderSandboxes = (): Sandboxes => ({
  describe: unused,
  affordable: async (asked) => asked,
  environment: async () => ({ image: "a folder", cached: true, durationMs: 0, log: "" }),
  warm: () => undefined,
  open: () => folderSandbox(),
  runGate: unused,
  reap: async () => 0,
  evict: async () => 0,
  close: async () => undefined,
});
