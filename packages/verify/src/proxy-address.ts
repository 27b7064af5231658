import { PROXY_URL } from "@headrace/domain";

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
/** As it is, or as a parameter of another address, up to where its path ends. */
const PROXY = new RegExp(
  `(?:${literal(PROXY_URL)}|${literal(encodeURIComponent(PROXY_URL))})(?!\\d)[\\w./%@~+-]{0,100}`,
);

/** The first address of the egress proxy in a file; undefined where there is none. */
export const proxyAddress = (text: string): string | undefined => PROXY.exec(text)?.[0];
