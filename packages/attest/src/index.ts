export { type Attestor, createAttestor } from "./attestor.ts";
export { openSigningKey } from "./keys.ts";
