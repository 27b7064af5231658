import { expect, test } from "vitest";
import {
  type EgressRequest,
  hostProblem,
  NetworkPolicy,
  NOT_LISTED,
  refusedHosts,
  tellUnreached,
  unreachedHosts,
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

test("hosts that no list names are told once each, in order", () => {
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

test("a host that was asked for in vain is told once, with the reason in its place", () => {
  const inside = "a.example resolves to 10.0.0.1, which is not a public address";
  const told = unreachedHosts([
    request("a.example", "refused", inside),
    request("a.example", "refused", inside),
    request("unlisted.example", "refused"),
    request("pypi.org", "failed", "getaddrinfo ENOTFOUND pypi.org"),
    request("slow.example", "failed", "no connection in time"),
    request("slow.example", "allowed", "200"),
  ]).map(tellUnreached);
  expect(told).toEqual([
    "set-up was refused a.example: it resolves to 10.0.0.1, which is not a public address",
    "pypi.org could not be reached: getaddrinfo ENOTFOUND pypi.org",
  ]);
});
