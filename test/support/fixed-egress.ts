import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { EgressRequest } from "@headrace/domain";
import type { DockerSandboxesOptions } from "@headrace/sandbox";

type Egress = NonNullable<DockerSandboxesOptions["egress"]>;

const BLOCK = randomBytes(64 * 1024);

/**
 * An egress that reaches nothing: `/bytes/<n>` answers n bytes, `/held` never answers, everything else is refused. It
 * shows what lies between a sandbox and the proxy, without the proxy.
 */
export const fixedEgress = (): Egress & { open(): number } => {
  const held = new Set<object>();
  return {
    client: {
      env: { http_proxy: "http://127.0.0.1:3128", FIXED_EGRESS: "1" },
      files: [
        { path: ".npmrc", text: "registry=http://127.0.0.1:3128/npm/\n" },
        { path: ".cargo/config.toml", text: "# kept\n" },
      ],
    },
    rewrite: (path, bytes) =>
      path.endsWith("package-lock.json")
        ? Buffer.from(
            Buffer.from(bytes).toString().replaceAll("https://registry.test", "http://rewritten"),
          )
        : bytes,
    open: () => held.size,
    session: ({ phase, onRequest }) => {
      const server = createServer((request, response) => {
        const size = /^\/bytes\/(\d+)$/.exec(request.url ?? "")?.[1];
        const tell = (outcome: EgressRequest["outcome"], detail: string) => {
          const host = request.headers.host ?? "";
          const { method = "", url: path = "" } = request;
          const counts = { bytesUp: 0, bytesDown: Number(size ?? 0), durationMs: 0 };
          onRequest({ phase, method, host, path, outcome, detail, ...counts });
        };
        if (request.url === "/held") return;
        if (size === undefined) {
          tell("refused", "not listed");
          response.writeHead(403).end("refused");
          return;
        }
        let left = Number(size);
        response.writeHead(200, { "content-length": left });
        const more = () => {
          while (left > 0) {
            const part = BLOCK.subarray(0, Math.min(left, BLOCK.length));
            left -= part.length;
            if (!response.write(part)) return void response.once("drain", more);
          }
          response.end();
          tell("allowed", "200");
        };
        more();
      });
      const connections = new Set<{ destroy(): unknown }>();
      return {
        restoring: [
          {
            globs: ["**/package-lock.json"],
            rules: [["http://127\\.0\\.0\\.1:3128/npm/", "https://registry.test/"]],
          },
        ],
        accept(connection) {
          held.add(connection);
          connections.add(connection);
          connection
            .on("error", () => {})
            .on("close", () => {
              held.delete(connection);
              connections.delete(connection);
            });
          server.emit("connection", connection);
        },
        async [Symbol.asyncDispose]() {
          for (const connection of connections) connection.destroy();
        },
      };
    },
    async [Symbol.asyncDispose]() {},
  };
};
