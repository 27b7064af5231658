import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type FactoryAddress } from "@headrace/console";
import { type FactoryControl, InfrastructureError, UserError } from "@headrace/domain";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ConsoleServer, portOf, serveConsole } from "../support/console-server.ts";
import { MemoryControl } from "../support/memory-control.ts";
import { sampleSubmission } from "../support/sample-submission.ts";

const SOON = { timeout: 10_000, interval: 20 };

let control: MemoryControl;
let server: ConsoleServer;

beforeEach(async () => {
  control = new MemoryControl();
  server = await serveConsole(control);
});
afterEach(() => server.close());

const submit = async (): Promise<string> => {
  const { submission, pack } = sampleSubmission();
  return (await control.submit(submission, pack)).run;
};

const note = (run: string, text: string): void =>
  control.append(run, { type: "note.added", level: "info", text });

/** A relay in front of the server whose connections can be cut, as a network does. */
const relay = async () => {
  const open = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(portOf(server.url), "127.0.0.1");
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => open.delete(socket));
    }
    near.pipe(far);
    far.pipe(near);
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      proxy.close();
      await once(proxy, "close");
    },
  };
};

/** Reads a run's notes in the background through a client of its own. */
const follow = (address: FactoryAddress, run: string) => {
  const reader = new AbortController();
  const notes: string[] = [];
  const seqs: number[] = [];
  const ended = (async () => {
    for await (const event of createClient(address).events(run, 0, reader.signal)) {
      seqs.push(event.seq);
      if (event.type === "note.added") notes.push(event.text);
    }
  })();
  return { notes, seqs, ended, stop: () => reader.abort() };
};

describe("the client", () => {
  it("hands on the user's errors with their remedy, once", async () => {
    const failure = await createClient(server)
      .run("nowhere")
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(failure).toMatchObject({
      message: "no run nowhere\n  see `headrace status`",
      remedy: "see `headrace status`",
    });
  });

  it("tells that the factory does not answer when nothing listens", async () => {
    await server.close();
    const asking = createClient(server).runs();
    await expect(asking).rejects.toThrow(InfrastructureError);
    await expect(asking).rejects.toThrow(/does not answer: .*ECONNREFUSED/);
  });

  it("carries a pack of many megabytes unchanged", async () => {
    const client = createClient(server);
    const { submission } = sampleSubmission();
    const pack = Buffer.alloc(24 * 1024 ** 2, "PACK and more, ");
    const { run } = await client.submit(submission, pack);
    expect(pack.equals(await client.pack(run, submission.base, []))).toBe(true);
  });
});

describe("the event stream", () => {
  const stream = async (path: string, headers: Record<string, string> = {}): Promise<string> => {
    const response = await fetch(`${server.url}/v1/runs/${path}`, {
      headers: { authorization: `Bearer ${server.token}`, ...headers },
    });
    return response.text();
  };

  it("goes on after the last event seen when the connection is cut midway", async () => {
    await using network = await relay();
    const run = await submit();
    const reading = follow({ ...server, url: network.url }, run);
    note(run, "first");
    await vi.waitFor(() => expect(reading.notes).toEqual(["first"]), SOON);
    network.cut();
    note(run, "while away");
    await vi.waitFor(() => expect(reading.notes).toEqual(["first", "while away"]), SOON);
    network.cut();
    await control.cancel(run, "enough");
    await reading.ended;
    expect(reading.seqs).toEqual(reading.seqs.map((_, i) => i + 1));
  });

  it("goes on when the server was away and is back at its address", async () => {
    const run = await submit();
    const reading = follow(server, run);
    note(run, "first");
    await vi.waitFor(() => expect(reading.notes).toEqual(["first"]), SOON);
    await server.close();
    note(run, "while away");
    await sleep(300);
    server = await serveConsole(control, portOf(server.url));
    await vi.waitFor(() => expect(reading.notes).toEqual(["first", "while away"]), SOON);
    reading.stop();
    await reading.ended;
  });

  it("takes Last-Event-ID before the query, sends seqs as ids, and says when it is over", async () => {
    const run = await submit();
    note(run, "two lines\nof text");
    await control.cancel(run, "enough");
    const body = await stream(`${run}/events?after=0`, { "last-event-id": "2" });
    const messages = body
      .split("\n\n")
      .filter((message) => message !== "" && !message.startsWith(":"));
    expect(messages.map((message) => message.split("\n").at(-1))).toEqual([
      "id: 3",
      "id: 4",
      "data: ",
    ]);
    expect(messages.at(-1)).toBe("event: end\ndata: ");
    expect(await stream(`${run}/events?after=3`)).not.toContain("id: 3");
    expect(await stream(`${run}/events?after=x`)).toContain("the request is not valid");
  });

  it("beats while nothing happens, and lets go of a reader who left", async () => {
    const run = await submit();
    let readers = 0;
    const counted: FactoryControl = Object.assign(Object.create(control), {
      runs: () => control.runs(),
      run: (id: string) => control.run(id),
      async *events(...args: Parameters<FactoryControl["events"]>) {
        readers += 1;
        try {
          yield* control.events(...args);
        } finally {
          readers -= 1;
        }
      },
    });
    const observed = await serveConsole(counted);
    const left = new AbortController();
    const response = await fetch(`${observed.url}/v1/runs/${run}/events?after=2`, {
      headers: { authorization: `Bearer ${server.token}` },
      signal: left.signal,
    });
    let text = "";
    const reading = (async () => {
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
    })().catch(() => {});
    await vi.waitFor(() => expect(text).toMatch(/^(: alive\n\n){3}/), SOON);
    expect(readers).toBe(1);
    left.abort();
    await reading;
    await vi.waitFor(() => expect(readers).toBe(0), SOON);
    await observed.close();
  });

  it("tells a reader of an unknown run so, instead of trying again", async () => {
    const reading = follow(server, "nowhere");
    await expect(reading.ended).rejects.toThrow(UserError);
  });
});

describe("listening", () => {
  it("says that an address is in use, and what to do", async () => {
    const refusal = serveConsole(control, portOf(server.url));
    await expect(refusal).rejects.toThrow(UserError);
    await expect(refusal).rejects.toThrow(`cannot listen on ${new URL(server.url).host}: it is`);
  });

  it("closes in bounded time while a stream is open", async () => {
    const run = await submit();
    const reading = follow(server, run);
    await vi.waitFor(() => expect(reading.seqs).toEqual([1, 2]), SOON);
    const before = Date.now();
    await server.close();
    expect(Date.now() - before).toBeLessThan(3000);
    reading.stop();
    await reading.ended;
    server = await serveConsole(control);
  });
});
