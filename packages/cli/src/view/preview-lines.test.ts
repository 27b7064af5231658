import { fromUsd, type Preview } from "@headrace/domain";
import { expect, it } from "vitest";
import { aboutPreview, previewLines } from "./preview-lines.ts";

const PREVIEW: Preview = {
  ...{ tasks: 7, width: 3, depth: 4 },
  calls: { low: 90, likely: 160, high: 380 },
  tokens: { low: 1_900_000, likely: 4_200_000, high: 12_000_000 },
  ms: { low: 3_600_000, likely: 7_800_000, high: 20_000_000 },
  cost: { low: fromUsd(4.1), likely: fromUsd(9.8), high: fromUsd(25.1) },
  unpriced: [],
  before: { tokens: 90_000, cost: fromUsd(0.4) },
  roles: [
    {
      ...{ role: "coder", models: ["anthropic/claude-sonnet-5"], calls: 120, tokens: 3_000_000 },
      ...{ cost: fromUsd(7.5), samples: 12 },
    },
    {
      ...{ role: "reviewer", models: ["anthropic/claude-opus-4-8"], calls: 40, tokens: 900_000 },
      ...{ cost: fromUsd(2.3), samples: 0 },
    },
  ],
};

it("a person sees on one line what a plan is expected to take", () => {
  expect(aboutPreview(PREVIEW)).toBe(
    "7 tasks, up to 3 at once, 4 one after another; about 160 calls, 4.20M tokens, 2 h 10 m, $9.80 ($4.10 to $25.10)",
  );
});

it("a person sees ranges by role, and which of them nothing has shown yet", () => {
  expect(previewLines(PREVIEW)).toEqual([
    "projected: 7 tasks, up to 3 at once, 4 one after another",
    "  calls   160 (90 to 380)",
    "  tokens  4.20M (1.90M to 12.00M)",
    "  time    2 h 10 m (1 h 00 m to 5 h 33 m)",
    "  cost    $9.80 ($4.10 to $25.10), besides $0.40 before",
    "    coder     anthropic/claude-sonnet-5: 120 calls, $7.50 (12 earlier jobs here)",
    "    reviewer  anthropic/claude-opus-4-8: 40 calls, $2.30 (prior)",
    "  prior: an assumption; figures of landed tasks take its place once there are five",
  ]);
});

it("a person sees which model has no price", () => {
  const { cost: _, ...preview } = PREVIEW;
  const told = aboutPreview({ ...preview, unpriced: ["local/llm"] });
  expect(told).toContain("cost unknown: local/llm has no price");
});
