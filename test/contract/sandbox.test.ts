import { dockerHarness } from "../support/engine.ts";
import { sandboxSuite } from "./suites/sandbox-suite.ts";

sandboxSuite("Docker", dockerHarness);
