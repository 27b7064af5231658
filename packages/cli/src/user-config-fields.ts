import { z } from "zod";

/** The name of a variable, which holds what no file should. */
export const variable = z
  .string()
  .regex(/^[A-Z_][A-Z0-9_]{0,99}$/, "expected a name such as NPM_TOKEN");

export const address = z
  .url({ protocol: /^https?$/, error: "expected an https address", abort: true })
  .refine(
    (url) => new URL(url).username === "" && new URL(url).password === "",
    "expected an address without user and password: name a credential",
  );
