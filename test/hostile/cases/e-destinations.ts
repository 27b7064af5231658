import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { createEgress } from "@headrace/sandbox";
import { expect } from "vitest";
import {
  LABELS_OF_TEST,
  plainImage,
  type SandboxHarness,
} from "../../contract/suites/sandbox-harness.ts";
import { dockerHarness } from "../../support/engine.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";
import { BRIDGE4, type Listeners, METADATA, openListeners } from "../listeners.ts";
import { LIMITS, type Stage } from "../stage.ts";
import { LOOKED_UP, showProbes } from "./e-controls.ts";

/** Port 0 is the one on which this host listens everywhere. */
type Destination = readonly [name: string, kind: string, host: string, port: number];

/** Stands for the host's address where it has none of IPv6. */
const NO_IPV6 = "2001:db8::1";

const addressOf = (family: "IPv4" | "IPv6"): string =>
  Object.entries(networkInterfaces())
    .filter(([name]) => !/^(?:docker|br-|veth)/.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .find((one) => one.family === family && !one.internal)?.address ??
  (family === "IPv4" ? "192.0.2.1" : NO_IPV6);

/** An address of this host that a container on an ordinary network reaches. */
export const HOST4 = addressOf("IPv4");
const HOST6 = addressOf("IPv6");
const BRIDGE6 = "fe80::1";
const decimal = (address: string): string =>
  String(address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0));

/** Where a sandbox might get through, by the numbers of the corpus. */
const DESTINATIONS: readonly Destination[] = [
  ["E01a the host's own address", "tcp", HOST4, 0],
  ["E01b an address of the internet", "tcp", "1.1.1.1", 443],
  ["E01c a private network 10/8", "tcp", "10.0.0.1", 80],
  ["E01d a private network 192.168/16", "tcp", "192.168.65.2", 80],
  ["E01e the host by its name in Docker Desktop", "name", "host.docker.internal", 0],
  ["E01f the gateway by its name in Docker Desktop", "name", "gateway.docker.internal", 0],
  ["E01g an address as one decimal number", "name", decimal(BRIDGE4), 0],
  ["E01h an address in hexadecimal", "name", `0x${Number(decimal(BRIDGE4)).toString(16)}`, 0],
  ["E01i an address in octal parts", "name", BRIDGE4.replace("172", "0254"), 0],
  ["E01j the shell's own /dev/tcp", "shell", `exec 3<>/dev/tcp/${BRIDGE4}/PORT && cat <&3`, 0],
  ["E01k 0.0.0.0", "tcp", "0.0.0.0", 0],
  ["E02a UDP to the host", "udp", HOST4, 0],
  ["E02b UDP to the bridge", "udp", BRIDGE4, 0],
  ["E02c UDP to the internet", "udp", "8.8.8.8", 53],
  ["E02d a broadcast", "broadcast", "255.255.255.255", 0],
  ["E02e multicast", "udp", "224.0.0.251", 5353],
  ["E03a a label of a name through the resolver", "dns", LOOKED_UP, 0],
  ["E03b Docker's resolver", "ask", "127.0.0.11", 53],
  ["E03c a public resolver", "tcp", "8.8.8.8", 53],
  ["E03d a name of a registry", "name", "registry.npmjs.org", 443],
  ["E03e a name of the metadata service", "name", "metadata.google.internal", 80],
  ["E04a a ping by datagram socket", "ping", BRIDGE4, 0],
  ["E04b a ping by raw socket", "raw", BRIDGE4, 0],
  ["E04c raw packets on every interface", "packet", "", 0],
  ["E05a IPv6 to the host", "tcp6", HOST6, 0],
  ["E05b IPv6 to the bridge", "tcp6", BRIDGE6, 0],
  ["E05c IPv6 to the internet", "tcp6", "2606:4700:4700::1111", 443],
  ["E05d an IPv4 address mapped into IPv6", "tcp6", `::ffff:${BRIDGE4}`, 0],
  ["E05e an IPv4 address through NAT64", "tcp6", "64:ff9b::1.1.1.1", 443],
  ["E05f UDP over IPv6", "udp6", HOST6, 0],
  ["E05g IPv6 multicast", "udp6", "ff02::1", 0],
  ["E06a the bridge's gateway", "tcp", BRIDGE4, 0],
  ["E06b Redis on the bridge's gateway", "tcp", BRIDGE4, 6379],
  ["E07a a cloud's metadata", "tcp", METADATA.link, 80],
  ["E07b a container's metadata", "tcp", METADATA.container, 80],
  ["E07c another cloud's metadata", "tcp", METADATA.other, 80],
  ["E07d metadata over IPv6", "tcp6", METADATA.ipv6, 80],
  ["E18a an abstract socket of the host", "abstract", "", 0],
  ["E18b the host's vsock", "vsock", "2", 0],
  ["E19a the engine's socket", "unix", "/var/run/docker.sock", 0],
  ["E19b the engine's socket below /run", "unix", "/run/docker.sock", 0],
  ["E19c containerd's socket", "unix", "/run/containerd/containerd.sock", 0],
  ["E21a an interface that is brought up", "up", "", 0],
  ["E21b a tunnel device", "tun", "", 0],
  ["E21c a namespace of one's own", "unshare", "", 0],
  ["E21d another process's network", "namespace", "", 0],
];

type Phase = "agent" | "gate" | "setup" | "setup with the proxy" | "research with the proxy";
type Reached = Readonly<Record<Phase, readonly string[]>>;

const command = async (listeners: Listeners): Promise<string> => {
  const program = await readFile(new URL("../probe.py", import.meta.url));
  const facts = JSON.stringify([listeners.port, listeners.abstract, DESTINATIONS]);
  const base64 = (bytes: string | Buffer) => Buffer.from(bytes).toString("base64");
  return `echo ${base64(program)} | base64 -d > /tmp/probe.py && python3 /tmp/probe.py ${base64(facts)}`;
};

const reachedIn = (output: string): string[] => {
  const [, list] = /^reached:(.*)$/m.exec(output) ?? [];
  if (list === undefined) throw new Error(`the probes did not run: ${output.slice(-1000)}`);
  return JSON.parse(list) as string[];
};

/** Set-up that probes; a random word makes each one's image its own. */
const setup = async (harness: SandboxHarness, probe: string, hosts: readonly string[]) => {
  const spec = { image: undefined, files: [], env: {}, limits: LIMITS, timeoutMs: 120_000, hosts };
  const commands = [`: ${randomUUID()}; ${probe}`];
  const made = await harness.sandboxes.environment({ ...spec, setup: commands }, {});
  harness.discardLater(made.image);
  return reachedIn(made.log);
};

/** Probes in each phase that runs what others wrote; done once for all destinations. */
const probeAll = async (listeners: Listeners, closing: AsyncDisposableStack): Promise<Reached> => {
  const egress = closing.use(createEgress({ registries: [] }));
  const plain = closing.use(await dockerHarness());
  const proxied = closing.use(await dockerHarness({ egress }));
  const image = await plainImage(plain);
  const probe = await command(listeners);
  const hasIpv6 = HOST6 !== NO_IPV6;
  await showProbes(plain.docker, { image, probe, listeners, hasIpv6 }, reachedIn);
  const bounds = { timeoutMs: 120_000, maxOutputBytes: 20_000 };
  const spec = { image, limits: LIMITS, env: {}, labels: LABELS_OF_TEST };
  const inAgent = async (harness: SandboxHarness, network: { hosts: string[] } | undefined) => {
    const more = network === undefined ? {} : { network };
    await using sandbox = await harness.sandboxes.open({ ...spec, ...more });
    return reachedIn((await sandbox.exec(probe, bounds)).output);
  };
  const gate = { ...spec, ...bounds, command: probe, tar: new Uint8Array(1024) };
  return {
    agent: await inAgent(plain, undefined),
    gate: reachedIn((await plain.sandboxes.runGate(gate)).output),
    setup: await setup(plain, probe, []),
    "setup with the proxy": await setup(proxied, probe, ["listed.example"]),
    "research with the proxy": await inAgent(proxied, { hosts: ["listed.example"] }),
  };
};

export const listenersOf = (stage: Stage): Promise<Listeners> =>
  stage.once("listeners", async (closing) => {
    const listeners = closing.use(await openListeners());
    const bytes = () => Object.values(listeners.heard()).reduce((sum, count) => sum + count, 0);
    stage.tripwires.count(`bytes to ${DESTINATIONS.length} destinations`, bytes);
    return listeners;
  });

const probed = (stage: Stage): Promise<Reached> =>
  stage.once("probed", async (closing) => probeAll(await listenersOf(stage), closing));

export const DESTINATION_CASES: readonly HostileCase[] = DESTINATIONS.map(([name]) =>
  hostile({
    id: name.slice(0, 4),
    title: `${name.slice(5)}, from an agent, a gate, set-up and research`,
    verdict: "contained",
    build: probed,
    async run(reached, stage): Promise<Verdict> {
      const phases = Object.entries(reached).filter(([, names]) => names.includes(name));
      expect(phases.map(([phase]) => phase)).toEqual([]);
      expect((await listenersOf(stage)).heard()).toEqual({});
      return "contained";
    },
  }),
);
