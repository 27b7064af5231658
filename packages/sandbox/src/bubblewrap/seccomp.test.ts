import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type Architecture,
  compileSeccomp,
  type SeccompProfile,
  syscallNumbers,
} from "./seccomp.ts";

const ALLOW = 0x7fff0000;
const refused = (errno: number) => 0x00050000 | errno;
const SHIPPED = JSON.parse(
  readFileSync(new URL("../../../../sandboxes/seccomp.json", import.meta.url), "utf8"),
) as SeccompProfile;
const AUDIT = { x86_64: 0xc000003e, aarch64: 0xc00000b7 };

/** Runs a program as the kernel does. */
const run = (program: Buffer, call: { nr: number; arch?: number; args?: bigint[] }): number => {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.nr, 0);
  data.writeUInt32LE(call.arch ?? AUDIT.x86_64, 4);
  for (const [at, value] of (call.args ?? []).entries()) data.writeBigUInt64LE(value, 16 + 8 * at);
  let word = 0;
  for (let at = 0; ; at += 1) {
    const [code, k] = [program.readUInt16LE(at * 8), program.readUInt32LE(at * 8 + 4)];
    const jump = (holds: boolean) => program.readUInt8(at * 8 + (holds ? 2 : 3));
    if (code === 0x20) word = data.readUInt32LE(k);
    else if (code === 0x54) word = (word & k) >>> 0;
    else if (code === 0x15) at += jump(word === k);
    else if (code === 0x35) at += jump(word >= k);
    else if (code === 0x05) at += k;
    else if (code === 0x06) return k;
    else throw new Error(`no instruction ${code}`);
  }
};

const compiled = async (profile: SeccompProfile, architecture: Architecture = "x86_64") => {
  const numbers = await syscallNumbers(architecture);
  const program = compileSeccomp(profile, { architecture, numbers, kernel: "6.1.0-18-amd64" });
  return (name: string, ...args: bigint[]) => {
    const nr = numbers.get(name);
    if (nr === undefined) throw new Error(`no call ${name}`);
    return run(program, { nr, args, arch: AUDIT[architecture] });
  };
};

describe.each(["x86_64", "aarch64"] as const)("the shipped profile on %s", (architecture) => {
  it("decides every system call as the profile says, with what is unknown refused", async () => {
    const numbers = await syscallNumbers(architecture);
    const call = await compiled(SHIPPED, architecture);
    const plain = new Map(
      SHIPPED.syscalls
        .filter(({ args }) => args === undefined)
        .flatMap((rule) => rule.names.map((name) => [name, rule] as const)),
    );
    const conditional = new Set(
      SHIPPED.syscalls.filter(({ args }) => args).flatMap(({ names }) => names),
    );
    for (const name of numbers.keys()) {
      if (conditional.has(name)) continue;
      const rule = plain.get(name);
      const verdict = rule?.action === "SCMP_ACT_ALLOW" ? ALLOW : refused(rule?.errnoRet ?? 38);
      expect(call(name), name).toBe(rule === undefined ? refused(38) : verdict);
    }
  });

  it("lets programs have sockets of the usual families and processes without new namespaces", async () => {
    const call = await compiled(SHIPPED, architecture);
    for (const family of [1n, 2n, 10n]) expect(call("socket", family)).toBe(ALLOW);
    for (const protocol of [6n, 17n]) expect(call("socket", 10n, 1n, protocol)).toBe(ALLOW);
    for (const protocol of [1n, 132n, 262n])
      expect(call("socket", 2n, 1n, protocol)).toBe(refused(38));
    for (const family of [17n, 38n, 40n, 2n ** 32n + 2n]) {
      expect(call("socket", family)).toBe(refused(38));
    }
    expect(call("socket", 16n, 3n, 0n)).toBe(ALLOW);
    expect(call("socket", 16n, 3n, 9n)).toBe(refused(38));
    expect(call("clone", 17n)).toBe(ALLOW);
    expect(call("clone", 0x10000011n)).toBe(refused(38));
  });
});

describe("a compiled profile", () => {
  it("kills a caller under another architecture, and refuses the x32 interface", async () => {
    const numbers = await syscallNumbers("x86_64");
    const options = { architecture: "x86_64", numbers, kernel: "6.1.0" } as const;
    const program = compileSeccomp(SHIPPED, options);
    expect(run(program, { nr: 0, arch: 0x40000003 })).toBe(0x80000000);
    expect(run(program, { nr: 0x40000000 })).toBe(refused(38));
    expect(program.length / 8).toBeLessThan(4096);
  });

  it("passes over rules of newer kernels, and refuses what it cannot compile", async () => {
    const rule = { names: ["ptrace"], action: "SCMP_ACT_ALLOW" as const };
    const profile = (extra: object): SeccompProfile => ({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [{ ...rule, ...extra }],
    });
    expect((await compiled(profile({ includes: { minKernel: "4.8" } })))("ptrace")).toBe(ALLOW);
    expect((await compiled(profile({ includes: { minKernel: "7.0" } })))("ptrace")).toBe(
      refused(1),
    );
    await expect(compiled(profile({ excludes: { caps: ["CAP_SYS_ADMIN"] } }))).rejects.toThrow();
  });

  it("compares both halves of an argument, for being equal, unequal and masked", async () => {
    const args = (op: string, value: number, valueTwo = 0) =>
      compiled({
        defaultAction: "SCMP_ACT_ERRNO",
        syscalls: [
          {
            names: ["dup"],
            action: "SCMP_ACT_ALLOW",
            args: [{ index: 1, op, value, valueTwo } as never],
          },
        ],
      });
    const unequal = await args("SCMP_CMP_NE", 2 ** 32 + 5);
    expect([unequal("dup", 0n, 2n ** 32n + 5n), unequal("dup", 0n, 5n)]).toEqual([
      refused(1),
      ALLOW,
    ]);
    expect(unequal("dup", 0n, 2n ** 32n)).toBe(ALLOW);
    const masked = await args("SCMP_CMP_MASKED_EQ", 0xf0, 0x50);
    expect([masked("dup", 0n, 0x5fn), masked("dup", 0n, 0x4fn)]).toEqual([ALLOW, refused(1)]);
  });
});
