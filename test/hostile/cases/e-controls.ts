import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { Writable } from "node:stream";
import type Docker from "dockerode";
import { expect } from "vitest";
import { type Listeners, METADATA, RESOLVER } from "../listeners.ts";

type HostConfig = NonNullable<Docker.ContainerCreateOptions["HostConfig"]>;

/** A container that is less closed off than a sandbox, and the probes that must get through from it. */
type Control = { what: string; user: string; host: HostConfig; reaches: readonly string[] };

/** What probes of the resolver look up, as a name of the container itself: the answer comes from this machine. */
export const LOOKED_UP = "secret-abc123.attacker.example";

const ENGINE = "/var/run/docker.sock";
const TUN = "/dev/net/tun";
const HOST_BY_NAME = ["host.docker.internal", "gateway.docker.internal"];

const ids = (...some: (string | false)[]): string[] =>
  some.flatMap((one) => (one === false ? [] : one.split(" ")));

/** Where the engine shares this host's kernel; elsewhere its addresses and devices are another machine's. */
const controlsOf = (network: string, listeners: Listeners, hasIpv6: boolean): Control[] => {
  const door = (name: string) => listeners.doors.includes(name);
  const ordinary = {
    NetworkMode: network,
    ExtraHosts: HOST_BY_NAME.map((name) => `${name}:host-gateway`),
  };
  if (process.platform !== "linux")
    return [{ what: "a network", user: "10001", host: ordinary, reaches: ["E01a", "E02a"] }];
  const tun = existsSync(TUN);
  const metadata = ids(
    ...[METADATA.link, METADATA.container, METADATA.other].map(
      (address, n) => door(address) && `E07${"abc"[n]}`,
    ),
  );
  return [
    {
      what: "a network of the engine",
      user: "10001",
      host: ordinary,
      reaches: ids(
        "E01a E01e E01f E01g E01h E01i E01j E02a E02b E02c E02d E02e E03a E03b E04a E05d E06a",
        door("Redis on the bridge") && "E06b",
      ).concat(metadata),
    },
    {
      what: "the host's network",
      user: "10001",
      host: { NetworkMode: "host" },
      reaches: ids("E01k E18a", hasIpv6 && "E05a E05f E05g", door(METADATA.ipv6) && "E07d"),
    },
    {
      what: "root, with the engine's socket and rights",
      user: "0",
      host: {
        NetworkMode: network,
        PidMode: "host",
        CapAdd: ["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"],
        SecurityOpt: ["seccomp=unconfined"],
        Binds: [ENGINE, "/run/containerd/containerd.sock"].map((path) => `${ENGINE}:${path}`),
        ...(tun
          ? { Devices: [{ PathOnHost: TUN, PathInContainer: TUN, CgroupPermissions: "rwm" }] }
          : {}),
      },
      reaches: ids("E04b E04c E19a E19b E19c E21a E21c E21d", tun && "E21b"),
    },
  ];
};

const probed = async (
  docker: Docker,
  { user, host }: Control,
  options: { image: string; probe: string; network: string },
): Promise<string> => {
  const output: Buffer[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      output.push(chunk);
      done();
    },
  });
  const named =
    host.NetworkMode === options.network
      ? { NetworkingConfig: { EndpointsConfig: { [options.network]: { Aliases: [LOOKED_UP] } } } }
      : {};
  await docker.run(options.image, ["-c", options.probe], sink, {
    Entrypoint: ["/bin/sh"],
    Tty: true,
    User: user,
    HostConfig: { ...host, AutoRemove: true },
    ...named,
  });
  return Buffer.concat(output).toString().replaceAll("\r", "");
};

/** The probes probe and the listeners listen: from containers less closed off, each that can get through does. */
export const showProbes = async (
  docker: Docker,
  at: { image: string; probe: string; listeners: Listeners; hasIpv6: boolean },
  reachedIn: (output: string) => string[],
): Promise<void> => {
  const network = `headrace-hostile-${randomUUID()}`;
  const made = await docker.createNetwork({ Name: network });
  try {
    for (const control of controlsOf(network, at.listeners, at.hasIpv6)) {
      const output = await probed(docker, control, { ...at, network });
      const reached = reachedIn(output).map((name) => name.slice(0, 4));
      const missed = control.reaches.filter((id) => !reached.includes(id));
      expect(missed, `probes that are blind, from ${control.what}`).toEqual([]);
    }
    // every door was found by one of them; a resolver hears only where the engine is told to ask it
    const heard = Object.keys(at.listeners.heard());
    if (process.platform === "linux")
      expect(at.listeners.doors.filter((one) => one !== RESOLVER && !heard.includes(one))).toEqual(
        [],
      );
  } finally {
    await made.remove();
  }
  at.listeners.forget();
};
