import { readFile } from "node:fs/promises";
import { z } from "zod";

const comparison = z.enum(["SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_MASKED_EQ"]);
const Condition = z.object({
  index: z.int().min(0).max(5),
  /** of MASKED_EQ the mask */
  value: z.int().nonnegative(),
  /** of MASKED_EQ what must be left under the mask */
  valueTwo: z.int().nonnegative().default(0),
  op: comparison,
});
type Condition = z.infer<typeof Condition>;
const action = z.enum(["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"]);
const Rule = z.strictObject({
  comment: z.string().optional(),
  names: z.array(z.string()),
  action,
  errnoRet: z.int().min(1).max(4095).default(1),
  /** all of them must hold */
  args: z.array(Condition).default([]),
  includes: z.strictObject({ minKernel: z.string() }).optional(),
});

/** What of Docker's profile format the shipped profile uses; anything else is refused, never passed over. */
export const SeccompProfile = z.object({
  defaultAction: action,
  defaultErrnoRet: z.int().min(1).max(4095).default(1),
  syscalls: z.array(Rule),
});
export type SeccompProfile = z.input<typeof SeccompProfile>;

export type Architecture = "x86_64" | "aarch64";

/** `AUDIT_ARCH_*` of linux/audit.h: calls made under another architecture's numbers are none of ours. */
const AUDIT: Record<Architecture, number> = { x86_64: 0xc000003e, aarch64: 0xc00000b7 };
/** Calls of the x32 interface carry this bit and come under the architecture of x86_64. */
const X32_BIT = 0x40000000;

const LOAD = 0x20;
const AND = 0x54;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP = 0x05;
const RETURN = 0x06;

const ALLOW = 0x7fff0000;
const ERRNO = 0x00050000;
const KILL_PROCESS = 0x80000000;

/** Offsets in struct seccomp_data. */
const NUMBER_AT = 0;
const ARCHITECTURE_AT = 4;
const ARGUMENTS_AT = 16;

type Instruction = { code: number; k: number; yes?: number; no?: number };
const give = (k: number): Instruction => ({ code: RETURN, k });

/** Where each range of numbers, up to the next one's start, leads. */
type Range = { from: number; body: Instruction[] };

/**
 * Compiles a profile to the program that the kernel runs before each system call: a binary search by number, so that
 * the hundreds of rules cost a handful of comparisons.
 */
export const compileSeccomp = (
  input: SeccompProfile,
  options: { architecture: Architecture; numbers: ReadonlyMap<string, number>; kernel: string },
): Buffer => {
  const profile = SeccompProfile.parse(input);
  const otherwise = verdict(profile.defaultAction, profile.defaultErrnoRet);
  const bodies = new Map<number, Instruction[]>();
  for (const rule of profile.syscalls) {
    if (rule.includes !== undefined && isOlder(options.kernel, rule.includes.minKernel)) continue;
    for (const name of rule.names) {
      const number = options.numbers.get(name);
      if (number === undefined) continue;
      const before = bodies.get(number) ?? [];
      bodies.set(number, [...before, ...clause(rule.args, verdict(rule.action, rule.errnoRet))]);
    }
  }
  const program = [
    { code: LOAD, k: ARCHITECTURE_AT },
    { code: JUMP_EQUAL, k: AUDIT[options.architecture], yes: 1 },
    give(KILL_PROCESS),
    { code: LOAD, k: NUMBER_AT },
    ...search(ranges(bodies, otherwise)),
  ];
  return Buffer.concat(program.map(encode));
};

const verdict = (what: z.infer<typeof action>, errno: number): number =>
  what === "SCMP_ACT_ALLOW" ? ALLOW : ERRNO | errno;

/** Returns the verdict where every condition holds and falls through where one does not. */
const clause = (conditions: readonly Condition[], then: number): Instruction[] => {
  let after: Instruction[] = [give(then)];
  for (const condition of conditions.toReversed()) after = check(condition, after);
  return after;
};

/** Arguments have 64 bits and the machine's words 32: the high half, then the low one. */
const check = ({ index, op, value, valueTwo }: Condition, after: Instruction[]): Instruction[] => {
  const masked = op === "SCMP_CMP_MASKED_EQ";
  const mask = masked ? halves(value) : { high: 0xffffffff, low: 0xffffffff };
  const wanted = halves(masked ? valueTwo : value);
  const half = (which: "high" | "low", offset: number) => [
    { code: LOAD, k: ARGUMENTS_AT + 8 * index + offset },
    { code: AND, k: mask[which] },
  ];
  const past = after.length;
  if (op === "SCMP_CMP_NE") {
    return [
      ...half("high", 4),
      { code: JUMP_EQUAL, k: wanted.high, no: 3 },
      ...half("low", 0),
      { code: JUMP_EQUAL, k: wanted.low, yes: past },
      ...after,
    ];
  }
  return [
    ...half("high", 4),
    { code: JUMP_EQUAL, k: wanted.high, no: past + 3 },
    ...half("low", 0),
    { code: JUMP_EQUAL, k: wanted.low, no: past },
    ...after,
  ];
};

const halves = (value: number) => ({
  high: Math.floor(value / 2 ** 32),
  low: value % 2 ** 32,
});

/** Numbers side by side that lead to the same place are one range; the x32 numbers are the default's. */
const ranges = (bodies: ReadonlyMap<number, Instruction[]>, otherwise: number): Range[] => {
  const found: Range[] = [];
  const add = (from: number, body: Instruction[]) => {
    if (JSON.stringify(found.at(-1)?.body) !== JSON.stringify(body)) found.push({ from, body });
  };
  let next = 0;
  for (const number of [...bodies.keys()].filter((n) => n < X32_BIT).sort((a, b) => a - b)) {
    if (number > next) add(next, [give(otherwise)]);
    const body = bodies.get(number) ?? [];
    const ends = body.findIndex(({ code }, at) => code === RETURN && skipsNothing(body, at));
    add(number, ends === -1 ? [...body, give(otherwise)] : body.slice(0, ends + 1));
    next = number + 1;
  }
  add(next, [give(otherwise)]);
  return found;
};

/** Whether no jump before it leads past the instruction at `at`. */
const skipsNothing = (body: readonly Instruction[], at: number): boolean =>
  body.slice(0, at).every(({ yes = 0, no = 0 }, from) => from + 1 + Math.max(yes, no) <= at);

const search = (among: readonly Range[]): Instruction[] => {
  const [only] = among;
  if (only !== undefined && among.length === 1) {
    return only.body;
  }
  const middle = among.length >> 1;
  const [below, above] = [search(among.slice(0, middle)), search(among.slice(middle))];
  const from = among[middle]?.from ?? 0;
  // a conditional jump reaches 255 instructions, an unconditional one any number
  return below.length < 256
    ? [{ code: JUMP_AT_LEAST, k: from, yes: below.length }, ...below, ...above]
    : [
        { code: JUMP_AT_LEAST, k: from, no: 1 },
        { code: JUMP, k: below.length },
        ...below,
        ...above,
      ];
};

const encode = ({ code, k, yes = 0, no = 0 }: Instruction): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(yes, 2);
  bytes.writeUInt8(no, 3);
  bytes.writeUInt32LE(k, 4);
  return bytes;
};

const isOlder = (kernel: string, than: string): boolean => {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = than.split(".").map(Number);
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
};

/** The numbers of the system calls: a name, its number on x86_64 and on aarch64, or `-`, a line. */
export const syscallNumbers = async (architecture: Architecture): Promise<Map<string, number>> => {
  const text = await readFile(new URL("syscalls.txt", import.meta.url), "utf8");
  const column = architecture === "x86_64" ? 1 : 2;
  return new Map(
    text
      .trimEnd()
      .split("\n")
      .map((line) => line.split(" "))
      .filter((fields) => fields[column] !== "-")
      .map((fields): [string, number] => [fields[0] ?? "", Number(fields[column])]),
  );
};
