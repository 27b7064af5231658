import { type Isolation, UserError } from "@headrace/domain";
import seccomp from "../../../sandboxes/seccomp.json" with { type: "json" };
import type { EngineFacts } from "./engine-info.ts";

/** The engine's share of a container's walls; `undefined` leaves a choice to the engine. */
export type Walls = { runtime: string | undefined; seccomp: string | undefined };

const GVISOR = "runsc";
const PROFILE = JSON.stringify(seccomp);

/** The walls that policy asks for on this engine; throws `UserError` where it does not offer them. */
export const wallsOf = (isolation: Isolation | undefined, engine: EngineFacts): Walls => {
  if (!engine.seccomp) {
    throw new UserError(
      "this container engine runs containers without seccomp: all of the kernel stands open to them",
      "use an engine and a kernel with seccomp (CONFIG_SECCOMP_FILTER); `headrace doctor` shows what yours has",
    );
  }
  if (isolation?.runtime === "gvisor" && !engine.runtimes.includes(GVISOR)) {
    throw new UserError(
      `policy asks for gVisor, and this container engine has no runtime named ${GVISOR}`,
      "install gVisor on the engine's host (`runsc install`, then restart the engine), or remove `isolation.runtime: gvisor`",
    );
  }
  if (isolation?.userns === "required" && !engine.userns && !engine.rootless) {
    throw new UserError(
      "policy asks for user namespaces, and this container engine gives containers the host's own user ids",
      'set `"userns-remap": "default"` in the engine\'s daemon.json or use a rootless engine, or remove `isolation.userns: required`',
    );
  }
  return {
    runtime: isolation?.runtime === "gvisor" ? GVISOR : undefined,
    seccomp: engine.inlineSeccomp ? PROFILE : undefined,
  };
};
