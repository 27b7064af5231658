import { BlockList, isIP } from "node:net";

/** Ranges that are no one host on the public internet, from IANA's special-purpose registries. */
const SPECIAL_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  // metadata services of every large cloud
  "169.254.0.0/16",
  // the wire server of one of them, on an address that looks public
  "168.63.129.16/32",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];
/** Within 2000::/3, outside of which no IPv6 address is public. */
const SPECIAL_V6 = [
  "2001::/23",
  "2001:db8::/32",
  // 6to4: carries any IPv4 address
  "2002::/16",
  "2620:4f:8000::/48",
  "3fff::/20",
];
/** What no upstream may be, even where a company's own resolver answers: this machine, its link, and groups. */
const NEVER_V4 = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32", "224.0.0.0/3"];
const NEVER_V6 = ["::/96", "64:ff9b::/96", "fd00:ec2::/32", "fe80::/10", "ff00::/8"];

const listOf = (...ranges: readonly string[]): BlockList => {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits] = range.split("/");
    list.addSubnet(address, Number(bits), familyOf(address));
  }
  return list;
};
const familyOf = (address: string) => (isIP(address) === 6 ? "ipv6" : "ipv4");

const special = listOf(...SPECIAL_V4, ...SPECIAL_V6);
const never = listOf(...NEVER_V4, ...NEVER_V6);
const globalV6 = listOf("2000::/3");

/**
 * Which addresses a name may resolve to. `public`: names that a repository asked for. `elsewhere`: registries whose
 * names are ours and whose certificates prove them, so that a company's resolver may answer with its own mirror.
 * `any`: what the person's own configuration names.
 */
export type Reach = "public" | "elsewhere" | "any";

/** Whether an address, as a resolver writes it, may be connected to. */
export const isWithin = (reach: Reach, address: string): boolean => {
  const family = familyOf(address);
  if (isIP(address) === 0 || address.includes("%")) return false;
  switch (reach) {
    case "public":
      if (family === "ipv6" && !globalV6.check(address, family)) return false;
      return !special.check(address, family);
    case "elsewhere":
      return !never.check(address, family);
    case "any":
      return true;
  }
};
