import { CanaryRequest, fromUsd, Gate, globProblem, MAX_USD } from "@headrace/domain";
import { z } from "zod";

const MAX_TIMEOUT_S = 7200;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** A gate as a person writes it, whose exclusions are not in its command yet. */
export type RequestedGate = Gate & { exclude?: string[] | undefined };

/** A gate as it stands in the file, whose patch may be a file of the commit. */
export type WrittenGate = Omit<RequestedGate, "canary"> & {
  canary?: CanaryRequest | { file: string } | undefined;
};

/** A command line for `sh -c`. */
const Command = z.string({ error: "expected a command" }).trim().min(1, "expected a command");

export const Setup = z
  .array(Command.max(4000), { error: "expected a list of commands" })
  .max(16, "expected at most 16 commands")
  .describe("Commands that install dependencies; they see only manifests and lockfiles");

/** Seconds, or text such as `90s`, `10m`, `1h`; always seconds afterwards. */
const Timeout = z
  .union([z.number(), z.string()], { error: "expected seconds or text such as 10m" })
  .transform((given, context) => {
    const [, amount, unit = ""] = /^(\d{1,6}(?:\.\d+)?)\s*([smh])$/.exec(String(given)) ?? [];
    const seconds = typeof given === "number" ? given : Number(amount) * (UNITS[unit] ?? 1);
    if (Number.isFinite(seconds) && seconds >= 1 && seconds <= MAX_TIMEOUT_S)
      return Math.round(seconds);
    context.addIssue(`expected 1 second to ${MAX_TIMEOUT_S / 3600} hours, such as 90 or 10m`);
    return z.NEVER;
  })
  .describe("Seconds, or text such as 90s, 10m, 1h");

/** `off`, the path of a patch, or the patch itself. */
const WrittenCanary = z
  .string({ error: "expected off, the path of a .patch or .diff file, or a unified diff" })
  .transform((given, context): CanaryRequest | { file: string } => {
    if (given === "off") return "off";
    const isDiff = /^--- .*\n\+\+\+ /m.test(given) && /^@@ /m.test(given);
    const inline = CanaryRequest.safeParse({ patch: given });
    if (isDiff && inline.success) return inline.data;
    if (!given.includes("\n") && /\.(?:patch|diff)$/.test(given)) return { file: given };
    context.addIssue("expected off, the path of a .patch or .diff file, or a unified diff");
    return z.NEVER;
  })
  .describe("What the gate must be red on: off, the path of a patch, or a unified diff");

export const Gates = z
  .array(
    z
      .strictObject({
        name: Gate.shape.name.describe("Lower-case letters, digits and dashes"),
        run: Command.max(4000).describe("Command whose exit code is the verdict"),
        timeout: Timeout.optional(),
        exclude: z
          .array(z.string({ error: "expected a test" }).min(1, "expected a test").max(300), {
            error: "expected a list of tests",
          })
          .max(50, "expected at most 50 tests")
          .describe("Tests known to be flaky, left out by the runner's own flag")
          .optional(),
        canary: WrittenCanary.optional(),
        report: z
          .literal("junit", { error: "expected junit" })
          .describe("junit: the command writes JUnit XML into the folder $HEADRACE_REPORTS")
          .optional(),
      })
      .transform(
        ({ name, run, timeout, exclude, canary, report }): WrittenGate => ({
          ...Gate.parse({ name, run, timeoutS: timeout }),
          ...(canary === undefined ? {} : { canary }),
          ...(report === undefined ? {} : { report }),
          ...(exclude === undefined ? {} : { exclude }),
        }),
      ),
    { error: "expected a list of gates" },
  )
  .min(1, "expected at least one gate (leave the field out to detect them)")
  .max(32, "expected at most 32 gates")
  .superRefine((gates, context) => {
    const names = gates.map((gate) => gate.name);
    const repeated = names.findIndex((name, i) => names.indexOf(name) !== i);
    if (repeated >= 0)
      context.addIssue({
        code: "custom",
        path: [repeated, "name"],
        message: "expected a name that no other gate has",
      });
  })
  .describe("Checks the factory runs on every change");

const Glob = z
  .string({ error: "expected a path or glob" })
  .max(500)
  .superRefine((glob, context) => {
    const problem = globProblem(glob);
    if (problem !== undefined) context.addIssue(`expected a glob, but it ${problem}`);
  });

export const Protected = z
  .array(Glob, { error: "expected a list of globs" })
  .max(150, "expected at most 150 globs")
  .describe("Globs no agent may change");

/** US dollars, as pico-dollars afterwards. */
export const Usd = z
  .number({ error: "expected a number of US dollars" })
  .positive("expected more than 0 US dollars")
  .max(MAX_USD, `expected at most ${MAX_USD} US dollars, the most that one budget holds`)
  .transform(fromUsd);

export const Budget = Usd.describe("US dollars one run may cost");

const CANARY_EXAMPLE =
  "gates:\n  - name: docs\n    run: npx markdownlint docs\n    canary: test/canaries/docs.patch";

const REPORT_EXAMPLE =
  "gates:\n  - name: test\n    run: ctest --test-dir build --output-junit $HEADRACE_REPORTS/ctest.xml\n    report: junit";

/** The right forms, shown when a field is wrong. */
export const EXAMPLES = {
  setup: "setup:\n  - npm ci",
  gates: "gates:\n  - name: test\n    run: npm test\n    timeout: 10m",
  "gates.canary": CANARY_EXAMPLE,
  "gates.report": REPORT_EXAMPLE,
  protected: "protected:\n  - migrations/**",
  budget: "budget: 20",
} as const;
