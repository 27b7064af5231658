import {
  type ConsoleOptions,
  createConsole,
  type FactoryAddress,
  type Listening,
  listen,
} from "@headrace/console";
import { VERSION } from "@headrace/domain";

/** A console on a free port of loopback, with what it logged. */
export type ConsoleServer = FactoryAddress &
  Listening & { logged: { id: string; error: Error }[]; [Symbol.asyncDispose](): Promise<void> };

export const serveConsole = async (
  control: ConsoleOptions["control"],
  port = 0,
): Promise<ConsoleServer> => {
  const token = "a-token-of-this-test";
  const logged: ConsoleServer["logged"] = [];
  const app = createConsole({
    control,
    token,
    version: VERSION,
    boot: "boot-1",
    heartbeatMs: 50,
    onError: (error, id) => logged.push({ id, error }),
  });
  const listening = await listen(app, { host: "127.0.0.1", port });
  return { ...listening, token, logged, [Symbol.asyncDispose]: listening.close };
};

export const portOf = (url: string): number => Number(new URL(url).port);
