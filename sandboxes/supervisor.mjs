/**
 * Runs inside an agent's sandbox and does what the factory asks over stdin and stdout, in frames
 * (supervisor/frames.mjs). It needs Node, git, sh and mkfifo, and ends when its stdin does: so the container stops
 * when the factory is gone, however it went.
 */
import { readdir } from "node:fs/promises";
import { runCommand, setEnvironment } from "./supervisor/exec.mjs";
import { readFile, writeFile } from "./supervisor/files.mjs";
import { encodeFrame, frameDecoder } from "./supervisor/frames.mjs";
import { createRelay } from "./supervisor/relay.mjs";
import { checkout, snapshot } from "./supervisor/repository.mjs";

const relay = createRelay(send);

const operations = {
  environment: (_, body) => setEnvironment(JSON.parse(body.toString())),
  exec: (args, body, signal) => runCommand({ ...args, command: body.toString() }, signal),
  read: readFile,
  write: writeFile,
  checkout,
  snapshot,
  network: relay.listen,
};

const running = new Map();

async function serve({ id, op, ...args }, body) {
  if (op === "cancel") {
    running.get(id)?.abort();
    return;
  }
  const cancel = new AbortController();
  running.set(id, cancel);
  try {
    const { body: answer, ...facts } = (await operations[op](args, body, cancel.signal)) ?? {};
    send({ id, ok: true, ...facts }, answer);
  } catch (error) {
    send({ id, ok: false, message: String(error.message).slice(0, 4000) });
  } finally {
    running.delete(id);
  }
}

function send(header, body) {
  for (const part of encodeFrame(header, body)) {
    if (part.length > 0) process.stdout.write(part);
  }
}

function onFrame(header, body) {
  if (header.net === undefined) void serve(header, body);
  else relay.receive(header, body);
}

process.stdin.on("data", frameDecoder({ maxBody: () => Number.POSITIVE_INFINITY, onFrame }));
process.stdin.on("end", () => process.exit(0));
process.stdout.on("error", () => process.exit(0));

// Node starts the threads of its pool at the first use; once a command has used up the process limit it could not
await readdir("/");
send({ ready: true });
