import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { runCommand } from "../../../sandboxes/supervisor/exec.mjs";

const NO_PROC = process.platform === "linux" ? "" : " (needs Linux)";

const output = async (command: string): Promise<string> => {
  const limits = { timeoutMs: 60_000, maxOutputBytes: 1000 };
  const { body } = await runCommand({ command, ...limits }, new AbortController().signal);
  return body.toString();
};

const block = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

test.skipIf(NO_PROC !== "")(
  `what a command printed is there where its supervisor was held up at its end${NO_PROC}`,
  async () => {
    const server = createServer((socket) =>
      socket.on("data", () => {
        // the second command prints and ends, and then is heard of together with the first one
        block(1500);
        // longer than is waited for output that trails
        setImmediate(block, 300);
      }),
    ).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("it has no port");
    const client = connect(address.port, "127.0.0.1");
    await once(client, "connect");

    const both = Promise.all([output("sleep 0.5"), output("sleep 1.5; echo printed")]);
    setTimeout(() => {
      client.write("x");
      // the first command ends, of which the next look tells together with the byte
      block(800);
    }, 200);
    const outputs = await both;
    client.destroy();
    server.close();
    expect(outputs).toEqual(["", "printed\n"]);
  },
);
