import type { Sandbox } from "@headrace/domain";

/**
 * The same sandbox, whose closing is not waited for: nothing follows from it but room for others. What is under way
 * then is waited for when sandboxes are closed.
 */
export const closedBehind = (sandbox: Sandbox, log: (line: string) => void): Sandbox => ({
  id: sandbox.id,
  checkout: (pack, commit) => sandbox.checkout(pack, commit),
  exec: (command, options) => sandbox.exec(command, options),
  read: (path, maxBytes) => sandbox.read(path, maxBytes),
  write: (path, bytes) => sandbox.write(path, bytes),
  snapshot: (parent) => sandbox.snapshot(parent),
  async [Symbol.asyncDispose]() {
    Promise.resolve(sandbox[Symbol.asyncDispose]()).catch((error: unknown) =>
      log(`closing a sandbox: ${String(error)}`),
    );
  },
});
