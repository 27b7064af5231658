import { expect, test } from "vitest";
import { isWithin } from "./addresses.ts";

const PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.15.0.1", "172.32.0.1", "2606:4700::1"];

const COMPANY = [
  "10.0.0.1",
  "100.64.0.1",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "fd12::1",
];

const RESERVED = [
  ...["192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"],
  ...["2001:db8::1", "2001::1", "2002:7f00:1::1", "3fff::1", "fec0::1", "4000::1"],
];

const NEVER = [
  ...["0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "169.254.169.254", "168.63.129.16"],
  ...["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
  ...["::", "::1", "fe80::1", "ff02::1", "fd00:ec2::254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"],
  ...["::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1", "::127.0.0.1"],
];

test.each(PUBLIC)("%s is a public address", (address) => {
  expect(isWithin("public", address)).toBe(true);
  expect(isWithin("elsewhere", address)).toBe(true);
});

test.each([...COMPANY, ...RESERVED])(
  "%s is not public, though a company's resolver may mean it",
  (address) => {
    expect(isWithin("public", address)).toBe(false);
    expect(isWithin("elsewhere", address)).toBe(true);
  },
);

test.each(NEVER)(
  "%s is this machine, its link or a group, for any name but one's own",
  (address) => {
    expect(isWithin("public", address)).toBe(false);
    expect(isWithin("elsewhere", address)).toBe(false);
    expect(isWithin("any", address)).toBe(true);
  },
);

test.each([
  "",
  "localhost",
  "1.1.1",
  "0x01010101",
  "fe80::1%eth0",
  "2606:4700::1%lo",
  "1.1.1.1:80",
])("%j is no address at all", (text) => expect(isWithin("any", text)).toBe(false));
