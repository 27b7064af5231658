import { randomUUID } from "node:crypto";
import { LABELS, type Sandbox, Service, UserError } from "@headrace/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dockerHarness } from "../support/engine.ts";
import { ensurePostgresImage } from "../support/service-images.ts";
import { LIMITS, plainImage, printed, sh } from "./suites/sandbox-harness.ts";

/** Sends one query to PostgreSQL at localhost and prints the rows, as a client that is installed nowhere. */
const CLIENT = `
  const [query] = process.argv.slice(1);
  const text = (s) => Buffer.from(s + "\\0");
  const message = (type, ...parts) => {
    const body = Buffer.concat(parts);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length + 4);
    return Buffer.concat([Buffer.from(type), length, body]);
  };
  const socket = require("net").connect(5432, "localhost", () =>
    socket.write(message("", Buffer.from([0, 3, 0, 0]), text("user"), text("postgres"), text(""))));
  let seen = Buffer.alloc(0), asked = false;
  socket.on("error", (error) => { console.log(error.code); process.exit(1); });
  socket.on("data", (chunk) => {
    for (seen = Buffer.concat([seen, chunk]); seen.length > 4 && seen.length > seen.readUInt32BE(1); ) {
      const type = String.fromCharCode(seen[0]), end = seen.readUInt32BE(1) + 1;
      if (type === "D") console.log(String(seen.subarray(11, end)));
      if (type === "E") { console.log(String(seen.subarray(5, end))); process.exit(1); }
      if (type === "Z" && asked) process.exit(0);
      if (type === "Z") asked = socket.write(message("Q", text(query))) || true;
      seen = seen.subarray(end);
    }
  });`;
const ask = (query: string): string => `node -e '${CLIENT}' "${query}"`;

let harness: Awaited<ReturnType<typeof dockerHarness>>;
let image: string;
let postgres: Service;
beforeAll(async () => {
  harness = await dockerHarness();
  image = await plainImage(harness);
  postgres = Service.parse({
    name: "db",
    image: await ensurePostgresImage(),
    env: { POSTGRES_PASSWORD: "test", POSTGRES_HOST_AUTH_METHOD: "trust" },
    ready: "pg_isready -h localhost -U postgres",
  });
}, 600_000);
afterAll(() => harness[Symbol.asyncDispose]());

/** A sandbox's description under a label of its own, by which what was made for it is found. */
const specOf = (services: readonly Service[]) => {
  const labels = { run: "run-1", step: randomUUID() };
  return { image, limits: LIMITS, env: {}, labels, services };
};
const containersOf = ({ labels }: { labels: { step: string } }) =>
  harness.docker.listContainers({
    all: true,
    filters: { label: [`${LABELS.step}=${labels.step}`] },
  });

const gate = (spec: ReturnType<typeof specOf>, command: string, timeoutMs = 60_000) =>
  harness.sandboxes.runGate({
    ...spec,
    command,
    tar: new Uint8Array(1024),
    timeoutMs,
    maxOutputBytes: 10_000,
  });

describe("a service beside an agent", () => {
  const spec = () => specOf([postgres]);
  let mine: ReturnType<typeof specOf>;
  let sandbox: Sandbox;
  beforeAll(async () => {
    mine = spec();
    sandbox = await harness.sandboxes.open(mine);
  });
  afterAll(() => sandbox[Symbol.asyncDispose]());

  const service = async () => {
    const found = await containersOf(mine);
    const facts = await Promise.all(
      found.map(({ Id }) => harness.docker.getContainer(Id).inspect()),
    );
    const database = facts.find(
      ({ Config }) =>
        Config.Image === postgres.image || Config.Env?.some((e) => e.startsWith("PGDATA=")),
    );
    if (database === undefined) throw new Error("no service was started");
    return database;
  };
  const inService = async (command: string): Promise<string> => {
    const container = harness.docker.getContainer((await service()).Id);
    const exec = await container.exec({
      Cmd: ["sh", "-c", command],
      AttachStdout: true,
      Tty: true,
    });
    const stream = await exec.start({ hijack: true, stdin: false, Tty: true });
    let output = "";
    for await (const chunk of stream) output += chunk;
    return output.replaceAll("\r", "").trim();
  };

  it("answers it at localhost as soon as the sandbox is open", async () => {
    expect(await printed(sandbox, ask("select 6 * 7"))).toBe("42");
  });

  it("has no route out, and gives it none", async () => {
    const look = "ls /sys/class/net | grep -v bonding_masters; tail -n +2 /proc/net/route";
    expect(await printed(sandbox, look)).toBe("lo");
    expect(await inService(look)).toBe("lo");
  });

  it("steps down from a root that holds what that needs and nothing else", async () => {
    const status = await inService("grep -hE '^(CapBnd|NoNewPrivs|Seccomp:|Uid)' /proc/1/status");
    // CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID
    expect(status.replaceAll("\t", " ").split("\n").slice(1)).toEqual([
      "CapBnd: 00000000000000cb",
      "NoNewPrivs: 1",
      "Seccomp: 2",
    ]);
    const server =
      "grep -h ^Uid $(grep -l '^Name:.postgres' /proc/[0-9]*/status) | cut -f2 | sort -u";
    expect(Number(await inService(server))).toBeGreaterThan(0);
  });

  it("sees its own environment alone, and no volume of the engine's host", async () => {
    const { Config, Mounts } = await service();
    const names = Config.Env.map((entry) => entry.split("=")[0]);
    expect(names.sort()).toEqual(
      ["HOME", "LANG", "PATH", "PGDATA", ...Object.keys(postgres.env)].sort(),
    );
    expect(Mounts).toEqual([]);
  });

  it("that dies takes nothing along", async () => {
    await harness.docker.getContainer((await service()).Id).kill();
    expect((await sh(sandbox, ask("select 1"))).output).toBe("ECONNREFUSED\n");
    expect(await printed(sandbox, "echo alive")).toBe("alive");
  });

  it("is removed with it", async () => {
    await sandbox[Symbol.asyncDispose]();
    expect(await containersOf(mine)).toEqual([]);
  });

  it("that a dead factory left, and the network they shared, are removed by the next boot", async () => {
    await using own = await dockerHarness();
    const left = specOf([postgres]);
    await using _sandbox = await own.sandboxes.open(left);
    expect(await containersOf(left)).toHaveLength(3);
    await own.reboot().reap();
    expect(await containersOf(left)).toEqual([]);
  });
});

describe("gates with a service", () => {
  it("each have one of their own, which is gone with them", async () => {
    const steps = ["create table t (n int)", "insert into t values (1)", "select pg_sleep(1)"];
    const command = [...steps, "select count(*) from t"].map(ask).join(" && ");
    const specs = [specOf([postgres]), specOf([postgres])];
    const results = await Promise.all(specs.map((spec) => gate(spec, command)));
    expect(results.map(({ exitCode, output }) => [exitCode, output.trim()])).toEqual([
      [0, "1"],
      [0, "1"],
    ]);
    expect((await Promise.all(specs.map(containersOf))).flat()).toEqual([]);
  });

  it("lose it when they are stopped at their timeout", async () => {
    const spec = specOf([postgres]);
    expect(await gate(spec, "sleep 60", 1000)).toMatchObject({ timedOut: true });
    expect(await containersOf(spec)).toEqual([]);
  });
});

describe("a service that cannot be had", () => {
  const refusal = async (spec: ReturnType<typeof specOf>): Promise<string> => {
    const error = await harness.sandboxes.open(spec).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(UserError);
    expect(await containersOf(spec)).toEqual([]);
    return (error as Error).message;
  };

  it("for it ends at once is told with its name, what it printed, and what to do", async () => {
    const broken = { ...postgres, name: "broken", env: { MOTTO: "it's" } };
    const { ready: _, ...unasked } = broken;
    expect(await refusal(specOf([unasked]))).toMatch(
      /^service broken: ended as it started: exit code 1[\s\S]*POSTGRES_PASSWORD is not set/,
    );
    const message = await refusal(specOf([postgres, broken]));
    expect(message).toMatch(/^service broken: ended as it started: exit code 1/);
    expect(message).toContain("POSTGRES_PASSWORD is not set");
    expect(message).toContain(
      `docker run --rm --network none -e 'MOTTO=it'\\''s' ${postgres.image}`,
    );
    expect(message).toContain("sandbox.services");
  });

  it("for its memory is too little says to give it more", async () => {
    const hungry = { ...postgres, name: "hungry", memoryMb: 32 };
    expect(await refusal(specOf([hungry]))).toMatch(
      /out of memory \(32 MB\)[\s\S]*`memoryMb` of hungry/,
    );
  });

  it("for no engine has its image says how to get it there", async () => {
    const nowhere = { ...postgres, image: `127.0.0.1:9/none:${randomUUID()}` };
    expect(await refusal(specOf([nowhere]))).toMatch(
      /service db cannot be pulled|image .* of service db[\s\S]*docker pull/,
    );
  });

  it("and is given up while it starts leaves nothing behind", async () => {
    const spec = specOf([postgres, { ...postgres, name: "slow", ready: "false" }]);
    const given = new AbortController();
    const opening = harness.sandboxes.open(spec, given.signal);
    opening.catch(() => {});
    await expect.poll(async () => (await containersOf(spec)).length, { timeout: 30_000 }).toBe(3);
    given.abort(new Error("run cancelled"));
    await expect(opening).rejects.toThrow("run cancelled");
    expect(await containersOf(spec)).toEqual([]);
  });

  it("for gVisor is asked for, which has no shared loopback, is refused before anything starts", async () => {
    const isolation = { runtime: "gvisor", userns: "any" } as const;
    const opening = harness.sandboxes.open({ ...specOf([postgres]), isolation });
    await expect(opening).rejects.toThrow(UserError);
    await expect(opening).rejects.toThrow(/gvisor/);
  });
});
