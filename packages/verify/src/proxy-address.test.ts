import { expect, test } from "vitest";
import { proxyAddress } from "./proxy-address.ts";

test.each([
  ['"resolved": "http://127.0.0.1:3128/unknown/a.tgz",', "http://127.0.0.1:3128/unknown/a.tgz"],
  [
    "x::__archiveUrl=http%3A%2F%2F127.0.0.1%3A3128%2Fa.tgz",
    "http%3A%2F%2F127.0.0.1%3A3128%2Fa.tgz",
  ],
  ["--index-url http://127.0.0.1:3128\n", "http://127.0.0.1:3128"],
])("an address of the proxy is found: %s", (text, address) => {
  expect(proxyAddress(text)).toBe(address);
});

test.each([
  '"resolved": "https://registry.npmjs.org/a/-/a-1.tgz"',
  "http://127.0.0.1:31280/a",
  "http://127.0.0.1:8080/a",
])("another address is not: %s", (text) => {
  expect(proxyAddress(text)).toBeUndefined();
});
