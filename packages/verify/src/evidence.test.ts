import { type Evidence, InfrastructureError, type RequirementClaim } from "@headrace/domain";
import { describe, expect, test } from "vitest";
import { checkEvidence } from "./evidence.ts";
import { ended } from "./exec-fixture.ts";

const FILES: Record<string, string> = {
  "src/total.ts": "export const total = (xs: number[]) =>\n  xs.reduce((a, b) => a + b, 0);\n",
  "big.txt": "x".repeat(4_000_001),
};

const checked = async (claims: RequirementClaim[]) => {
  const ran: string[] = [];
  const results = await checkEvidence({
    claims,
    runCommand: async (command) => {
      ran.push(command);
      if (command === "engine gone") throw new InfrastructureError("the engine is gone");
      return ended({ exitCode: command.startsWith("true") ? 0 : 1, output: "it says no" });
    },
    readFile: async (path) => {
      const text = FILES[path];
      return text === undefined ? undefined : Buffer.from(text);
    },
  });
  return { results, ran };
};
const claim = (evidence: Evidence[], over: Partial<RequirementClaim> = {}): RequirementClaim => ({
  requirement: "r1",
  met: true,
  reason: "I saw it",
  evidence,
  ...over,
});
const command = (run: string): Evidence => ({ kind: "command", run });
const quote = (file: string, text: string): Evidence => ({ kind: "quote", file, quote: text });

test("commands run two at a time", async () => {
  const second = Promise.withResolvers<void>();
  const results = await checkEvidence({
    claims: [claim([command("first")]), claim([command("second")], { requirement: "r2" })],
    async runCommand(run) {
      if (run === "second") second.resolve();
      await second.promise;
      return ended();
    },
    readFile: () => Promise.reject(new Error("no file is named")),
  });
  expect(results.map(({ requirement, met }) => [requirement, met])).toEqual([
    ["r1", true],
    ["r2", true],
  ]);
});

describe("a requirement is met", () => {
  test("when all of its evidence holds, however its quote is broken into lines", async () => {
    const quoted = "(xs: number[]) => xs.reduce((a, b) => a + b, 0);";
    const { results } = await checked([claim([command("true"), quote("src/total.ts", quoted)])]);
    expect(results).toEqual([
      {
        requirement: "r1",
        met: true,
        reason: "I saw it",
        evidence: [
          { evidence: command("true"), holds: true, detail: "exit 0" },
          { evidence: quote("src/total.ts", quoted), holds: true, detail: "src/total.ts:1" },
        ],
      },
    ]);
  });

  test.each<[string, Evidence[], string]>([
    ["not without evidence", [], "no evidence was named"],
    [
      "not when a command fails",
      [command("true"), command("false")],
      "does not hold: exit 1\nit says no",
    ],
    [
      "not by a quote that is not there",
      [quote("src/total.ts", "export const average =")],
      "the quote does not stand in src/total.ts",
    ],
    [
      "not by a quote in other letters",
      [quote("src/total.ts", "EXPORT const total")],
      "the quote does not stand",
    ],
    [
      "not by a quote that stands anywhere",
      [quote("src/total.ts", "(a, b) =>")],
      "fewer than 12 letters and digits",
    ],
    [
      "not by a file that is not there",
      [quote("src/none.ts", "export const total")],
      "there is no file src/none.ts",
    ],
    [
      "not by a file outside",
      [quote("../secret/file.txt", "export const total")],
      "is no path inside the repository",
    ],
    [
      "not by an absolute file",
      [quote("/etc/passwd", "root:x:0:0:root:/root")],
      "is no path inside the repository",
    ],
    [
      "not by a name that could end a line",
      [quote("src/total.ts\nx", "export const total")],
      "is no path inside the repository",
    ],
    [
      "not by a file too big to search",
      [quote("big.txt", "x".repeat(20))],
      "too big to be searched",
    ],
  ])("%s", async (_title, evidence, reason) => {
    const { results } = await checked([claim(evidence)]);
    expect(results).toMatchObject([{ met: false }]);
    expect(results[0]?.reason).toContain(reason);
  });

  test("not when the reviewer says it is not, and then nothing is run", async () => {
    const unmet = claim([command("true")], { met: false, reason: "the flag is missing" });
    const { results, ran } = await checked([unmet]);
    expect(results).toEqual([
      { requirement: "r1", met: false, reason: "the flag is missing", evidence: [] },
    ]);
    expect(ran).toEqual([]);
  });

  test("not by a second claim after an honest first", async () => {
    const { results } = await checked([claim([], { met: false }), claim([command("true")])]);
    expect(results.map((r) => r.met)).toEqual([false]);
  });
});

test("a command that several requirements name is run once", async () => {
  const { results, ran } = await checked([
    claim([command("true")]),
    claim([command("true")], { requirement: "r2" }),
  ]);
  expect(results.map((r) => r.met)).toEqual([true, true]);
  expect(ran).toEqual(["true"]);
});

test("a flood of claims runs a bounded number of commands", async () => {
  const flood = Array.from({ length: 500 }, (_, i) =>
    claim([command(`true ${i}`)], { requirement: `r${i}` }),
  );
  const { results, ran } = await checked(flood);
  expect(ran).toHaveLength(100);
  expect(results).toHaveLength(300);
  expect(results[100]).toMatchObject({ met: false });
});

test("an engine that fails is an error of the machine, not an unmet requirement", async () => {
  await expect(checked([claim([command("engine gone")])])).rejects.toThrow(InfrastructureError);
});
