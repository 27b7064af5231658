import { Isolation, UserError } from "@headrace/domain";
import { describe, expect, it } from "vitest";
import type { EngineFacts } from "./engine-info.ts";
import { wallsOf } from "./isolation.ts";

const engine = (facts: Partial<EngineFacts> = {}) =>
  ({
    seccomp: true,
    inlineSeccomp: true,
    userns: false,
    rootless: false,
    runtimes: ["runc"],
    ...facts,
  }) as EngineFacts;
const gvisor = Isolation.parse({ runtime: "gvisor" });
const userns = Isolation.parse({ userns: "required" });

describe("the walls of a container", () => {
  it("are the engine's runtime and our own filter where policy asks for no more", () => {
    const { runtime, seccomp } = wallsOf(undefined, engine());
    expect(runtime).toBeUndefined();
    expect(JSON.parse(seccomp ?? "")).toMatchObject({ defaultAction: "SCMP_ACT_ERRNO" });
  });

  it("are gVisor's where the engine has it, and refused where it has not", () => {
    expect(wallsOf(gvisor, engine({ runtimes: ["runc", "runsc"] })).runtime).toBe("runsc");
    expect(() => wallsOf(gvisor, engine())).toThrow(UserError);
    expect(() => wallsOf(gvisor, engine())).toThrow(/runsc install[\s\S]*isolation\.runtime/);
  });

  it("have user ids of their own by remapping or a rootless engine, or are refused", () => {
    for (const facts of [{ userns: true }, { rootless: true }])
      expect(wallsOf(userns, engine(facts)).runtime).toBeUndefined();
    expect(() => wallsOf(userns, engine())).toThrow(/userns-remap[\s\S]*isolation\.userns/);
  });

  it("leave the filter to Podman, and are refused by an engine that has none", () => {
    expect(wallsOf(undefined, engine({ inlineSeccomp: false })).seccomp).toBeUndefined();
    expect(() => wallsOf(undefined, engine({ seccomp: false }))).toThrow(/without seccomp/);
  });
});
