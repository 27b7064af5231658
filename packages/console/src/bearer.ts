import { createHash, timingSafeEqual } from "node:crypto";
import { createMiddleware } from "hono/factory";
import type { ErrorBody } from "./wire.ts";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

const REFUSAL: ErrorBody = {
  error: { kind: "user", message: "this factory is asked with its bearer token" },
};

/** Lets nobody through without the token; digests make the comparison's time independent of both. */
export const requireToken = (token: string) => {
  const expected = digest(`Bearer ${token}`);
  return createMiddleware(async (context, next) => {
    const given = digest(context.req.header("authorization") ?? "");
    if (timingSafeEqual(given, expected)) return next();
    return context.json(REFUSAL, 401, { "www-authenticate": "Bearer" });
  });
};
