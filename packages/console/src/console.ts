import { BlobId, type FactoryControl, Id } from "@headrace/domain";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import { z } from "zod";
import { answerError, badRequest } from "./answer-error.ts";
import { requireToken } from "./bearer.ts";
import { streamEvents } from "./event-stream.ts";
import { parseSent, parseSentJson } from "./parse-request.ts";
import { decodeSubmission } from "./submission-frame.ts";
import { Bodies, type ErrorBody, type Health } from "./wire.ts";

export type ConsoleOptions = {
  control: FactoryControl;
  /** every request carries it as `authorization: Bearer <token>` */
  token: string;
  version: string;
  /** names this start of the factory, so that a client can tell a restart */
  boot: string;
  /** told of each error behind an answer of 500, with the id the client was given */
  onError: (error: Error, id: string) => void;
  /** silence after which an event stream shows that it is alive */
  heartbeatMs?: number;
};

const HEARTBEAT_MS = 15_000;
const MAX_SUBMISSION_BYTES = 1024 ** 3;
const MAX_BODY_BYTES = 1024 ** 2;

const LastSeen = z.coerce.number().int().nonnegative();

/** The HTTP API over a factory: JSON, byte bodies for blobs and packs, server-sent events. */
export const createConsole = (options: ConsoleOptions): Hono => {
  const { token, version, boot, onError } = options;
  const app = new Hono();
  // what runs hold is hostile: no browser may take an answer for a page
  app.use(secureHeaders());
  app.use(requireToken(token));
  app.get("/v1/health", (c) => c.json({ version, boot } satisfies Health));
  addQueries(app, options);
  addCommands(app, options.control);
  app.notFound((c) => c.json(badRequest(`no such route: ${c.req.method} ${c.req.path}`).body, 404));
  app.onError((error, c) => {
    const { status, body } = answerError(error, onError);
    return c.json(body, status);
  });
  return app;
};

const addQueries = (app: Hono, options: ConsoleOptions): void => {
  const { control, onError, heartbeatMs = HEARTBEAT_MS } = options;
  app.get("/v1/runs", async (c) => c.json(await control.runs()));
  app.get("/v1/runs/:run", async (c) => c.json(await control.run(runOf(c))));
  app.get("/v1/runs/:run/events", async (c) => {
    const run = runOf(c);
    const after = parseSent(LastSeen, c.req.header("last-event-id") ?? c.req.query("after") ?? 0);
    // an unknown run is an answer, not a stream
    await control.run(run);
    const describe = (error: unknown): ErrorBody => answerError(error, onError).body;
    return streamEvents(c, (signal) => control.events(run, after, signal), {
      heartbeatMs,
      describe,
    });
  });
  app.get("/v1/runs/:run/blobs/:id", async (c) =>
    bytes(c, await control.blob(runOf(c), parseSent(BlobId, c.req.param("id")))),
  );
  app.post("/v1/runs/:run/pack", limited(MAX_BODY_BYTES), async (c) => {
    const { commit, have } = await bodyOf(c, Bodies.pack);
    return bytes(c, await control.pack(runOf(c), commit, have));
  });
};

const addCommands = (app: Hono, control: FactoryControl): void => {
  app.post("/v1/runs", limited(MAX_SUBMISSION_BYTES), async (c) => {
    const { submission, pack } = decodeSubmission(await c.req.arrayBuffer());
    return c.json(await control.submit(submission, pack), 201);
  });
  const small = limited(MAX_BODY_BYTES);
  app.post("/v1/runs/:run/pause", small, async (c) => {
    await control.pause(runOf(c), (await bodyOf(c, Bodies.pause)).reason);
    return c.json({});
  });
  app.post("/v1/runs/:run/resume", small, async (c) => {
    await control.resume(runOf(c));
    return c.json({});
  });
  app.post("/v1/runs/:run/cancel", small, async (c) => {
    await control.cancel(runOf(c), (await bodyOf(c, Bodies.cancel)).reason);
    return c.json({});
  });
  app.post("/v1/runs/:run/answer", small, async (c) => {
    const { question, text } = await bodyOf(c, Bodies.answer);
    await control.answer(runOf(c), question, text);
    return c.json({});
  });
  app.post("/v1/runs/:run/budget", small, async (c) => {
    const more = await bodyOf(c, Bodies.budget);
    if ("tokens" in more) await control.raiseTokens(runOf(c), more.tokens);
    else await control.raiseBudget(runOf(c), more.by, more.task);
    return c.json({});
  });
  app.post("/v1/runs/:run/steer", small, async (c) => {
    await control.steer(runOf(c), (await bodyOf(c, Bodies.steer)).text);
    return c.json({});
  });
};

const runOf = (c: Context): string => parseSent(Id, c.req.param("run"));

const bodyOf = async <T>(c: Context, schema: z.ZodType<T>): Promise<T> =>
  parseSentJson(schema, await c.req.arrayBuffer());

const bytes = (c: Context, content: Uint8Array): Response =>
  c.body(content as Uint8Array<ArrayBuffer>, 200, { "content-type": "application/octet-stream" });

const limited = (maxSize: number) =>
  bodyLimit({
    maxSize,
    onError: (c) => c.json(badRequest(`the body is larger than ${maxSize} bytes`).body, 413),
  });
