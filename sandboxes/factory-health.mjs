// @ts-check
// The container's health check: the control plane answers on its own address with its own token.

import { readFileSync } from "node:fs";

const { HEADRACE_HOME: home = "/data" } = process.env;
const { token } = JSON.parse(readFileSync(`${home}/control.json`, "utf8"));
const answer = await fetch("http://127.0.0.1:7878/v1/health", {
  headers: { authorization: `Bearer ${token}` },
  signal: AbortSignal.timeout(4000),
});
process.exitCode = answer.ok ? 0 : 1;
