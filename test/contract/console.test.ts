import { once } from "node:events";
import { request } from "node:http";
import { askHealth, createClient } from "@headrace/console";
import { InfrastructureError, UserError, VERSION } from "@headrace/domain";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ConsoleServer, serveConsole } from "../support/console-server.ts";
import { MemoryControl } from "../support/memory-control.ts";
import { sampleSubmission } from "../support/sample-submission.ts";

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

const ask = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`${server.url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${server.token}`, ...init.headers },
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
};

const post = (path: string, body: string | Uint8Array<ArrayBuffer>) =>
  ask(path, { method: "POST", body });

describe("who may ask the console", () => {
  it.each([
    ["no token", {}],
    ["another token", { authorization: "Bearer another" }],
    ["the token under another scheme", { authorization: "Basic a-token-of-this-test" }],
    ["a token that begins like it", { authorization: "Bearer a-token-of-this-testx" }],
  ])("answers 401 to every route with %s", async (_, headers: Record<string, string>) => {
    for (const path of ["/v1/health", "/v1/runs", "/v1/runs/r1/events", "/no/such/route"]) {
      const response = await fetch(`${server.url}${path}`, { headers });
      expect(response.status).toBe(401);
    }
    const submission = { method: "POST", body: "x", headers };
    expect((await fetch(`${server.url}/v1/runs`, submission)).status).toBe(401);
  });

  it("answers nothing that a browser would take for a page, a script or a frame", async () => {
    const headers = { authorization: `Bearer ${server.token}` };
    for (const path of ["/v1/health", "/v1/runs", "/no/such/route"]) {
      const response = await fetch(`${server.url}${path}`, { headers });
      expect(response.headers.get("content-type")).toMatch(/^application\/json/);
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      expect(response.headers.get("x-frame-options")).toBe("SAMEORIGIN");
    }
  });

  it("tells its version and boot to who has the token", async () => {
    const health = await askHealth(server);
    expect(health).toEqual({ version: VERSION, boot: "boot-1" });
  });

  it("tells a client with a stale token what to look at", async () => {
    const asking = askHealth({ url: server.url, token: "stale" });
    await expect(asking).rejects.toThrow(UserError);
    await expect(asking).rejects.toThrow("refused the token");
  });

  it.each([
    ["attacker.example", 403],
    ["localhost.attacker.example", 403],
    ["127.0.0.1.attacker.example:80", 403],
    ["localhost", 200],
    ["127.0.0.1:1", 200],
    ["[::1]:80", 200],
  ])("on loopback, answers a request for the host %s with %i", async (host, status) => {
    const asked = request(`${server.url}/v1/health`, {
      headers: { host, authorization: `Bearer ${server.token}` },
    }).end();
    const [answer] = await once(asked, "response");
    answer.resume();
    expect(answer.statusCode).toBe(status);
  });

  it("allows no other origin to read its answers", async () => {
    const response = await fetch(`${server.url}/v1/health`, {
      headers: { authorization: `Bearer ${server.token}`, origin: "https://attacker.example" },
    });
    expect(response.headers.has("access-control-allow-origin")).toBe(false);
  });
});

describe("what the console refuses", () => {
  it("answers an unknown route with 404 and an unknown run with 400, in the shape of an error", async () => {
    expect(await ask("/v1/nothing")).toEqual({
      status: 404,
      body: { error: { kind: "user", message: "no such route: GET /v1/nothing" } },
    });
    expect(await ask("/v1/runs/nowhere/events")).toEqual({
      status: 400,
      body: { error: { kind: "user", message: "no run nowhere", remedy: "see `headrace status`" } },
    });
  });

  it.each<[string, string, string | Uint8Array<ArrayBuffer>]>([
    ["a body that is not JSON", "pause", "{"],
    ["no body", "pause", ""],
    ["an empty reason", "cancel", JSON.stringify({ reason: "" })],
    ["a budget of the wrong type", "budget", JSON.stringify({ by: "5" })],
    ["a budget lowered", "budget", JSON.stringify({ by: -5 })],
    ["no more tokens", "budget", JSON.stringify({ tokens: 0 })],
    ["an answer to nothing", "answer", JSON.stringify({ text: "yes" })],
    ["a commit that is none", "pack", JSON.stringify({ commit: "HEAD", have: [] })],
  ])("answers %s with 400 and changes nothing", async (_, verb, body) => {
    const run = await submit();
    const before = await control.run(run);
    const answer = await post(`/v1/runs/${run}/${verb}`, body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.kind).toBe("user");
    expect(await control.run(run)).toEqual(before);
  });

  const frame = (json: string, pack = ""): Buffer => {
    const header = Buffer.alloc(4);
    header.writeUInt32BE(Buffer.byteLength(json));
    return Buffer.concat([header, Buffer.from(json), Buffer.from(pack)]);
  };

  it.each<[string, Buffer]>([
    ["an empty body", Buffer.alloc(0)],
    ["a length without content", Buffer.from([0, 0, 1, 0])],
    ["a length beyond the body", frame("{}").fill(0xff, 0, 4)],
    ["JSON that is cut", frame("{")],
    ["text that is not UTF-8", frame("{}").fill(0xff, 4)],
    ["a submission without fields", frame("{}", "PACK")],
  ])("answers a submission of %s with 400 and starts nothing", async (_, body) => {
    const answer = await post("/v1/runs", new Uint8Array(body));
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ kind: "user", message: expect.any(String) });
    expect(await control.runs()).toEqual([]);
  });

  it("names the field of a submission that is wrong", async () => {
    const { submission } = sampleSubmission();
    const bad = JSON.stringify({ ...submission, budget: -1 });
    const answer = await post("/v1/runs", new Uint8Array(frame(bad)));
    expect(answer.body.error.message).toContain("budget");
  });

  it("reads no command larger than a command can be", async () => {
    const run = await submit();
    const reason = "x".repeat(2 * 1024 ** 2);
    const answer = await post(`/v1/runs/${run}/pause`, JSON.stringify({ reason }));
    expect(answer.status).toBe(413);
  });

  it("hides a defect behind an id under which it is logged", async () => {
    const failing = Object.assign(new MemoryControl(), {
      runs: () => Promise.reject(new Error("secret detail of the inside")),
    });
    await using broken = await serveConsole(failing);
    const asking = createClient(broken).runs();
    await expect(asking).rejects.toThrow(InfrastructureError);
    const response = await fetch(`${broken.url}/v1/runs`, {
      headers: { authorization: `Bearer ${server.token}` },
    });
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).not.toContain("secret");
    expect(text).not.toContain("    at ");
    expect(broken.logged.map(({ error }) => error.message)).toEqual([
      "secret detail of the inside",
      "secret detail of the inside",
    ]);
    expect(JSON.parse(text).error.id).toBe(broken.logged[1]?.id);
  });
});
