import { expect, test } from "vitest";
import {
  type EgressRequest,
  hostProblem,
  NetworkPolicy,
  NOT_LISTED,
  refusedHosts,
} from "./network.ts";

test.each(["registry.npmjs.org", "a.b-c.example.dev", "xn--bcher-kva.example"])(
  "%s is one exact public host",
  (host) => expect(hostProblem(host)).toBeUndefined(),
);

test.each([
  ["*", "pattern"],
  ["*.example.com", "pattern"],
  ["com", "no dot"],
  ["https://example.com", "more than a host name"],
  ["example.com:443", "more than a host name"],
  ["user@example.com", "more than a host name"],
  ["169.254.169.254", "address"],
  ["::1", "more than a host name"],
  ["0x7f.1", "address"],
  ["Example.com", "lower case"],
  ["example..com", "no host name"],
  ["example.com\0.evil.org", "no host name"],
  ["-x.example.com", "no host name"],
  ["printer.local", "private network"],
  ["metadata.google.internal", "private network"],
])("%j is refused with the reason", (host, reason) => {
  expect(hostProblem(host)).toContain(reason);
  const [issue] = NetworkPolicy.safeParse({ setup: [host] }).error?.issues ?? [];
  expect(issue?.path).toEqual(["setup", 0]);
  expect(issue?.message).toContain(reason);
});

test("hosts that no list names are told once each, in order", () => {
  const request = (
    host: string,
    outcome: EgressRequest["outcome"],
    detail = NOT_LISTED,
  ): EgressRequest => ({
    phase: "setup",
    method: "CONNECT",
    host,
    path: "",
    outcome,
    detail,
    bytesUp: 0,
    bytesDown: 0,
    durationMs: 0,
  });
  expect(
    refusedHosts([
      request("b.example", "refused"),
      request("a.example", "allowed"),
      request("b.example", "refused"),
      request("c.example", "refused"),
      request("registry.example", "refused", "POST is not forwarded"),
    ]),
  ).toEqual(["b.example", "c.example"]);
});
