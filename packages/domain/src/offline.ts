/**
 * What keeps package managers that are called without a network from trying again for a minute before they say so.
 * Servers on loopback, such as a test's own registry, are reached as ever.
 */
export const OFFLINE_ENV: Readonly<Record<string, string>> = {
  npm_config_fetch_retries: "0",
  // pnpm has its own names since version 11
  pnpm_config_fetch_retries: "0",
  YARN_HTTP_RETRY: "0",
  PIP_RETRIES: "0",
  UV_HTTP_RETRIES: "0",
  CARGO_NET_RETRY: "0",
};
