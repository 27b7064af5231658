// @ts-check
// The few calls set-up and doctor make to the Docker engine, over plain HTTP: they run before anything is installed.

import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { StringDecoder } from "node:string_decoder";

/**
 * Where an engine listens: a unix socket, or TCP with or without TLS.
 * @typedef {{ socketPath: string } | { host: string, port: number, tls?: { ca?: Buffer, cert?: Buffer, key?: Buffer } }} EngineAddress
 */

/**
 * @typedef {object} EngineCall
 * @property {string} path with its query, version prefix included where one is wanted
 * @property {"GET" | "POST"} [method]
 * @property {import("node:stream").Readable} [body] a tar
 * @property {number} timeoutMs bound on the whole call
 * @property {number} [quietMs] bound on any silence of the engine within it
 * @property {(line: string) => void} [onLine] each line of the answer as it arrives (build and pull progress)
 */

/**
 * One bounded call; rejects with the socket's error (`code` ENOENT, EACCES, ECONNREFUSED) or a timeout.
 * @param {EngineAddress} address
 * @param {EngineCall} call
 * @returns {Promise<{ status: number, text: string }>}
 */
export const callEngine = (address, call) =>
  new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(call.timeoutMs);
    const request = open(address, call, signal, (response) => {
      const decoder = new StringDecoder("utf8");
      let text = "";
      let pending = "";
      response.on("data", (chunk) => {
        const piece = decoder.write(chunk);
        text += piece;
        if (!call.onLine) return;
        const lines = (pending + piece).split("\n");
        pending = lines.pop() ?? "";
        for (const line of lines) if (line.trim()) call.onLine(line);
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    request.on("error", (cause) =>
      reject(
        signal.aborted
          ? Object.assign(new Error(`no answer within ${call.timeoutMs} ms`), { code: "ETIMEDOUT" })
          : cause,
      ),
    );
    if (call.quietMs !== undefined)
      request.setTimeout(call.quietMs, () =>
        request.destroy(new Error(`the engine said nothing for ${call.quietMs} ms`)),
      );
    if (!call.body) return void request.end();
    call.body.on("error", (cause) => request.destroy(cause));
    call.body.pipe(request);
  });

/**
 * @param {EngineAddress} address
 * @param {EngineCall} call
 * @param {AbortSignal} signal
 * @param {(response: import("node:http").IncomingMessage) => void} onResponse
 */
const open = (address, call, signal, onResponse) => {
  const common = {
    path: call.path,
    method: call.method ?? "GET",
    headers: { Host: "engine", ...(call.body ? { "Content-Type": "application/x-tar" } : {}) },
    agent: false,
    signal,
  };
  if ("socketPath" in address) return httpRequest({ ...common, ...address }, onResponse);
  const { host, port, tls } = address;
  return tls
    ? httpsRequest({ ...common, host, port, ...tls }, onResponse)
    : httpRequest({ ...common, host, port }, onResponse);
};
