import { describe } from "vitest";
import { claimSuite } from "./store-claims-suite.ts";
import { contentSuite } from "./store-content-suite.ts";
import type { OpenStore } from "./store-context.ts";
import { feedSuite } from "./store-feed-suite.ts";
import { ledgerSuite } from "./store-ledger-suite.ts";
import { logSuite } from "./store-log-suite.ts";
import { settleSuite } from "./store-settle-suite.ts";
import { spendSuite } from "./store-spend-suite.ts";

/** What every implementation of the port `Store` does. */
export const storeSuite = (name: string, open: OpenStore): void => {
  describe(name, () => {
    describe("event log", () => logSuite(open));
    describe("commit feed", () => feedSuite(open));
    describe("claims", () => claimSuite(open));
    describe("ledger", () => {
      describe("reservations", () => ledgerSuite(open));
      describe("settlements", () => settleSuite(open));
      describe("spend", () => spendSuite(open));
    });
    describe("records and blobs", () => contentSuite(open));
  });
};
