import { describe } from "vitest";
import { sandboxEnvironmentSuite } from "./sandbox-environment-suite.ts";
import { sandboxExecSuite, sandboxForkBombSuite } from "./sandbox-exec-suite.ts";
import { sandboxFilesSuite } from "./sandbox-files-suite.ts";
import { sandboxGateSuite } from "./sandbox-gate-suite.ts";
import type { MakeHarness } from "./sandbox-harness.ts";
import { sandboxIsolationSuite } from "./sandbox-isolation-suite.ts";
import { sandboxLifecycleSuite } from "./sandbox-lifecycle-suite.ts";
import { sandboxNetworkSuite } from "./sandbox-network-suite.ts";
import { sandboxRepositorySuite } from "./sandbox-repository-suite.ts";
import { sandboxResourcesSuite } from "./sandbox-resources-suite.ts";

export type { SandboxHarness } from "./sandbox-harness.ts";

/** What every implementation of `Sandboxes` promises, tried on real sandboxes. */
export const sandboxSuite = (name: string, make: MakeHarness) =>
  describe(`${name} sandboxes`, () => {
    sandboxIsolationSuite(make);
    sandboxExecSuite(make);
    sandboxForkBombSuite(make);
    sandboxFilesSuite(make);
    sandboxRepositorySuite(make);
    sandboxGateSuite(make);
    sandboxResourcesSuite(make);
    sandboxEnvironmentSuite(make);
    sandboxNetworkSuite(make);
    sandboxLifecycleSuite(make);
  });
