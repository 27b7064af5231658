import { InfrastructureError, type Sandbox, type ToolUse } from "@headrace/domain";
import type { Turn } from "./transcript.ts";

/** The sandbox is gone, by the agent's doing or not; what the control plane holds is untouched. */
export class SandboxLost extends Error {
  override readonly name = "SandboxLost";
  override readonly cause: InfrastructureError;
  /** the call that was running in it, if one was */
  call: { turn: Turn; use: ToolUse; detail: string } | undefined;
  constructor(cause: InfrastructureError) {
    super(cause.message);
    this.cause = cause;
  }
}

const lost = (error: unknown): never => {
  throw error instanceof InfrastructureError ? new SandboxLost(error) : error;
};

/** The same sandbox, whose loss can be told from that of anything else. */
export const guarded = (sandbox: Sandbox): Sandbox => ({
  id: sandbox.id,
  checkout: (pack, commit) => sandbox.checkout(pack, commit).catch(lost),
  exec: (command, options) => sandbox.exec(command, options).catch(lost),
  read: (path, maxBytes) => sandbox.read(path, maxBytes).catch(lost),
  write: (path, bytes) => sandbox.write(path, bytes).catch(lost),
  snapshot: (parent) => sandbox.snapshot(parent).catch(lost),
  [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
});
