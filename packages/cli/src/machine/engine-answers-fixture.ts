/** An engine by what sets it apart: the versions of its components, and what /info says besides that it has limits. */
type Answered = {
  version: { Version: string; ApiVersion: string; Arch: string };
  components: Readonly<Record<string, string>>;
  info: Readonly<Record<string, unknown>>;
  /** what doctor finds in it */
  findings: string;
};

const LIMITED = { OSType: "linux", MemoryLimit: true, PidsLimit: true, CpuCfsQuota: true, NCPU: 4 };

const answers = (engine: string, { version, components, info, findings }: Answered) => ({
  engine,
  version: {
    ...version,
    Components: Object.entries(components).map(([Name, Version]) => ({ Name, Version })),
  },
  info: { ...LIMITED, ...info },
  findings,
});

/**
 * What engines answer to /version and /info, as far as doctor reads it, and what that means. The first is recorded from
 * a machine; the others are written in the form of each product's answers.
 */
export const ENGINES = [
  answers("Docker 20.10 of Debian", {
    version: { Version: "20.10.24+dfsg1", ApiVersion: "1.41", Arch: "amd64" },
    components: {
      Engine: "20.10.24+dfsg1",
      containerd: "1.6.20~ds1",
      runc: "1.1.5+ds1",
      "docker-init": "0.19.0",
    },
    info: {
      KernelVersion: "6.18.44-fc-v657",
      OperatingSystem: "Debian GNU/Linux 12 (bookworm)",
      CgroupVersion: "1",
      Driver: "overlay2",
      MemTotal: 25_276_510_208,
      SecurityOptions: ["name=seccomp,profile=default"],
    },
    findings:
      "kernel ok, docker warn, runc warn, containerd warn, seccomp ok, user ids ok, limits ok, storage ok, memory ok",
  }),
  answers("Docker Desktop on a Mac", {
    version: { Version: "28.5.2", ApiVersion: "1.51", Arch: "arm64" },
    components: { Engine: "28.5.2", containerd: "v1.7.27", runc: "1.2.8", "docker-init": "0.19.0" },
    info: {
      KernelVersion: "6.10.14-linuxkit",
      OperatingSystem: "Docker Desktop",
      CgroupVersion: "2",
      Driver: "overlayfs",
      MemTotal: 8_217_473_024,
      SecurityOptions: ["name=seccomp,profile=unconfined", "name=cgroupns"],
    },
    findings:
      "kernel ok, docker ok, runc ok, containerd ok, seccomp ok, user ids ok, limits ok, storage ok, memory ok",
  }),
  answers("Colima with its default of 2 GiB", {
    version: { Version: "27.4.0", ApiVersion: "1.47", Arch: "arm64" },
    components: { Engine: "27.4.0", containerd: "1.7.24", runc: "1.2.2" },
    info: {
      KernelVersion: "6.8.0-50-generic",
      OperatingSystem: "Ubuntu 24.04.1 LTS",
      CgroupVersion: "2",
      Driver: "overlay2",
      MemTotal: 2_057_150_464,
      SecurityOptions: ["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"],
    },
    findings:
      "kernel ok, docker ok, runc warn, containerd warn, seccomp ok, user ids ok, limits ok, storage ok, memory warn",
  }),
  answers("rootless Podman", {
    version: { Version: "4.9.3", ApiVersion: "1.41", Arch: "amd64" },
    components: {
      "Podman Engine": "4.9.3",
      Conmon: "conmon version 2.1.10, commit: unknown",
      "OCI Runtime (crun)": "crun version 1.14.1\ncommit: de537a7965bf",
    },
    info: {
      CpuCfsQuota: false,
      KernelVersion: "6.8.0-48-generic",
      OperatingSystem: "ubuntu",
      CgroupVersion: "2",
      Driver: "overlay",
      MemTotal: 16_703_242_240,
      SecurityOptions: ["name=seccomp,profile=default", "name=rootless"],
    },
    findings: "kernel ok, crun ok, seccomp warn, user ids ok, limits warn, storage ok, memory ok",
  }),
  answers("an engine without seccomp that copies images", {
    version: { Version: "29.0.0", ApiVersion: "1.52", Arch: "amd64" },
    components: {},
    info: { Driver: "vfs", MemTotal: 16_703_242_240, SecurityOptions: [] },
    findings: "docker ok, seccomp missing, user ids ok, limits ok, storage warn, memory ok",
  }),
];
