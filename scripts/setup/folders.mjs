// @ts-check
// Where set-up keeps what it may need again, and the log of what it started.

import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const home = process.env.HOME ?? homedir();

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(home, ".cache"), "headrace");
export const STATE = join(process.env.XDG_STATE_HOME ?? join(home, ".local/state"), "headrace");
