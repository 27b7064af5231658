import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { personAt } from "./ask-person.ts";

const streams = () => ({ input: new PassThrough(), output: new PassThrough() });
const NEVER = new AbortController().signal;

it("a person's line is the answer, and each question has its own", async () => {
  const { input, output } = streams();
  const ask = personAt(input, output);
  const first = ask("Go on? ", NEVER);
  input.write("perhaps\n");
  expect(await first).toBe("perhaps");
  const second = ask("Go on? ", NEVER);
  input.write("yes\n");
  expect(await second).toBe("yes");
  expect(String(output.read())).toBe("Go on? Go on? ");
});

it("there is no answer where the input ends, or where the person leaves", async () => {
  const closed = streams();
  const gone = personAt(closed.input, closed.output)("Go on? ", NEVER);
  closed.input.end();
  expect(await gone).toBeUndefined();
  const { input, output } = streams();
  const leaving = new AbortController();
  const left = personAt(input, output)("Go on? ", leaving.signal);
  leaving.abort();
  expect(await left).toBeUndefined();
  expect(await personAt(input, output)("Go on? ", leaving.signal)).toBeUndefined();
});
