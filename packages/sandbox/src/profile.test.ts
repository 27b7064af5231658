import { SandboxLimits } from "@headrace/domain";
import { describe, expect, it } from "vitest";
import { containerConfig, hostConfig, type Phase } from "./profile.ts";

const limits = SandboxLimits.parse({ memoryMb: 1024, cpus: 1.5, pids: 256 });
const walls = { runtime: undefined, seccomp: undefined };
const config = (phase: Phase) => hostConfig({ phase, limits, walls });
const spec = (phase: Phase) => ({
  phase,
  image: "sha256:1",
  command: ["/bin/sh", "-c", "true"],
  env: { MODE: "test" },
  limits,
  labels: { "headrace.run": "run-1" },
  walls,
});

describe("a container's profile", () => {
  it("gives agents and gates no network, no capability, no mount and no way to either", () => {
    expect(config("agent")).toMatchInlineSnapshot(`
      {
        "AutoRemove": false,
        "Binds": [],
        "CapAdd": [],
        "CapDrop": [
          "ALL",
        ],
        "CgroupnsMode": "private",
        "CpuShares": 1024,
        "ExtraHosts": [
          "sandbox:127.0.0.1",
        ],
        "Init": true,
        "IpcMode": "private",
        "LogConfig": {
          "Config": {},
          "Type": "none",
        },
        "Memory": 1073741824,
        "MemorySwap": 1073741824,
        "Mounts": [],
        "NanoCpus": 1500000000,
        "NetworkMode": "none",
        "OomScoreAdj": 500,
        "PidsLimit": 256,
        "Privileged": false,
        "ReadonlyRootfs": false,
        "RestartPolicy": {
          "Name": "",
        },
        "SecurityOpt": [
          "no-new-privileges:true",
        ],
        "ShmSize": 67108864,
        "Tmpfs": {
          "/tmp": "rw,exec,nosuid,nodev,mode=1777,size=512m",
        },
        "Ulimits": [
          {
            "Hard": 8192,
            "Name": "nofile",
            "Soft": 8192,
          },
          {
            "Hard": 0,
            "Name": "core",
            "Soft": 0,
          },
          {
            "Hard": 1073741824,
            "Name": "fsize",
            "Soft": 1073741824,
          },
        ],
      }
    `);
    expect(config("gate")).toEqual(config("agent"));
  });

  it("differs for set-up in a /tmp on disk alone", () => {
    expect(config("setup")).toEqual({
      ...config("agent"),
      Tmpfs: {},
    });
  });

  it("is that of root only where an image is made fit, offline and with three capabilities", () => {
    const { NetworkMode, CapDrop, CapAdd } = config("prepare");
    expect({ NetworkMode, CapDrop, CapAdd }).toEqual({
      NetworkMode: "none",
      CapDrop: ["ALL"],
      CapAdd: ["CHOWN", "DAC_OVERRIDE", "FOWNER"],
    });
    const users = (["agent", "gate", "setup", "prepare"] as const).map(
      (phase) => containerConfig(spec(phase)).User,
    );
    expect(users).toEqual(["10001:10001", "10001:10001", "10001:10001", "0:0"]);
  });

  it("leaves a service its image's own command and user, and bounds in memory what it declares as volumes", () => {
    const service = {
      ...spec("service"),
      command: undefined,
      joins: "holder-1",
      volumes: ["/var/lib/data"],
    };
    const { HostConfig, ...request } = containerConfig(service);
    expect(Object.keys(request)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/Entrypoint|Cmd|User|WorkingDir|Hostname/)]),
    );
    expect(request.Env).toEqual(["MODE=test"]);
    expect(HostConfig).toMatchObject({
      NetworkMode: "container:holder-1",
      CapDrop: ["ALL"],
      CapAdd: ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"],
      Tmpfs: { "/var/lib/data": "rw,exec,nosuid,nodev,mode=1777,size=512m" },
    });
    expect(HostConfig).not.toHaveProperty("ExtraHosts");
  });

  it("hands the engine the walls that were chosen", () => {
    const chosen = { runtime: "runsc", seccomp: '{"defaultAction":"SCMP_ACT_ERRNO"}' };
    expect(hostConfig({ phase: "gate", limits, walls: chosen })).toMatchObject({
      Runtime: "runsc",
      SecurityOpt: ["no-new-privileges:true", 'seccomp={"defaultAction":"SCMP_ACT_ERRNO"}'],
    });
  });

  it("lists a gate's whole request", () => {
    const { HostConfig: _, ...config } = containerConfig(spec("gate"));
    expect(config).toMatchInlineSnapshot(`
      {
        "AttachStderr": true,
        "AttachStdin": false,
        "AttachStdout": true,
        "Cmd": [],
        "Entrypoint": [
          "/bin/sh",
          "-c",
          "true",
        ],
        "Env": [
          "HOME=/home/agent",
          "LANG=C.UTF-8",
          "CI=true",
          "MODE=test",
        ],
        "Healthcheck": {
          "Test": [
            "NONE",
          ],
        },
        "Hostname": "sandbox",
        "Image": "sha256:1",
        "Labels": {
          "headrace.run": "run-1",
        },
        "OpenStdin": false,
        "StdinOnce": false,
        "StopTimeout": 2,
        "Tty": false,
        "User": "10001:10001",
        "WorkingDir": "/workspace",
      }
    `);
  });

  it("opens stdin where a supervisor is spoken to, and nowhere else", () => {
    const open = (["agent", "gate", "setup", "prepare"] as const).map(
      (phase) => containerConfig(spec(phase)).OpenStdin,
    );
    expect(open).toEqual([true, false, true, false]);
  });
});
