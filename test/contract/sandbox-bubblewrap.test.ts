import { bubblewrapHarness } from "../support/bubblewrap.ts";
import { sandboxSuite } from "./suites/sandbox-suite.ts";

sandboxSuite("bubblewrap", bubblewrapHarness);
