import { UserError } from "@headrace/domain";

/** `ADDRESS:PORT` of `--listen`; loopback and a free port when absent. */
export const listenAddress = (text: string | undefined): { host: string; port: number } => {
  if (text === undefined) return { host: "127.0.0.1", port: 0 };
  const match = /^(?<host>\[[0-9a-fA-F:]+\]|[^:]+):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.port);
  if (!match?.groups?.host || port > 65_535) {
    throw new UserError(
      `--listen ${text}: expected address:port`,
      "For example --listen 127.0.0.1:7878",
    );
  }
  return { host: match.groups.host.replace(/^\[|\]$/g, ""), port };
};
