import { createHash, createPrivateKey, createPublicKey, verify } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "@headrace/domain";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { open, seal } from "./dsse.ts";
import { openSigningKey, readPublicKey } from "./keys.ts";

let root = "";
let dir = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "headrace-keys-"));
  dir = join(root, "keys");
});
afterEach(() => rm(root, { recursive: true, force: true }));

const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

describe("the installation's key", () => {
  it("is made once, for its owner alone, with the public half beside it", async () => {
    const key = await openSigningKey(dir);
    const again = await openSigningKey(dir);
    expect(again.id).toBe(key.id);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    expect((await stat(join(dir, "signing.pem"))).mode & 0o777).toBe(0o600);
    expect((await readdir(dir)).sort()).toEqual(["signing.pem", "signing.pub.pem"]);
    expect((await readPublicKey(dir))?.id).toBe(key.id);
    const der = createPublicKey(key.pem).export({ type: "spki", format: "der" });
    expect(key.id).toBe(createHash("sha256").update(der).digest("hex"));
  });

  it("is one, however many start at once", async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => openSigningKey(dir)));
    expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
    expect((await readdir(dir)).sort()).toEqual(["signing.pem", "signing.pub.pem"]);
  });

  it("tells a redactor the texts that give it away", async () => {
    const { secrets } = await openSigningKey(dir);
    const pem = await readFile(join(dir, "signing.pem"), "utf8");
    expect(secrets).toHaveLength(1);
    expect(pem).toContain(secrets[0]);
    expect(secrets[0]?.length).toBeGreaterThan(40);
  });

  it.each([
    ["the key", "signing.pem", 0o640],
    ["its folder", "", 0o755],
  ])("is refused where others can read %s, with what to do", async (_, name, mode) => {
    await openSigningKey(dir);
    await chmod(join(dir, name), mode);
    await expect(openSigningKey(dir)).rejects.toThrow(UserError);
    await expect(openSigningKey(dir)).rejects.toThrow(/chmod [67]00/);
  });

  it("is refused where it is no key, and where it is a link", async () => {
    await openSigningKey(dir);
    await writeFile(join(dir, "signing.pem"), "no key");
    await expect(openSigningKey(dir)).rejects.toThrow(/not an ed25519 key/);
    await rm(join(dir, "signing.pem"));
    await symlink("/etc/passwd", join(dir, "signing.pem"));
    await expect(openSigningKey(dir)).rejects.toThrow(/ELOOP/);
  });

  it("has its public half put right when that is gone", async () => {
    const { id } = await openSigningKey(dir);
    await rm(join(dir, "signing.pub.pem"));
    expect(await readPublicKey(dir)).toBeUndefined();
    await openSigningKey(dir);
    expect((await readPublicKey(dir))?.id).toBe(id);
  });
});

describe("an envelope", () => {
  it("is signed as the DSSE protocol says, and the same for equal statements", async () => {
    const key = await openSigningKey(dir);
    const bytes = seal(key, { b: 1, a: "ä" });
    expect(seal(key, { a: "ä", b: 1 })).toEqual(bytes);
    const { payload, payloadType, signatures } = decode(bytes);
    const body = Buffer.from(payload, "base64");
    expect(body.toString()).toBe('{"a":"ä","b":1}');
    // the length is of bytes, not of characters
    const signed = `DSSEv1 28 application/vnd.in-toto+json 16 ${body}`;
    const pem = createPrivateKey(await readFile(join(dir, "signing.pem")));
    const sig = Buffer.from(signatures[0].sig, "base64");
    expect(verify(null, Buffer.from(signed), createPublicKey(pem), sig)).toBe(true);
    expect(payloadType).toBe("application/vnd.in-toto+json");
    expect(signatures[0].keyid).toBe(key.id);
    expect(open(key, bytes)).toEqual({ ok: true, statement: { a: "ä", b: 1 } });
  });

  it("is read in either alphabet of base64, with further signatures beside ours", async () => {
    const key = await openSigningKey(dir);
    const envelope = decode(seal(key, { text: "??>>~~" }));
    const url = (text: string) => text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
    const sig = url(envelope.signatures[0].sig);
    const other = {
      ...envelope,
      payload: url(envelope.payload),
      signatures: [{ sig: "AAAA" }, { sig }],
    };
    expect(open(key, encode(other))).toEqual({ ok: true, statement: { text: "??>>~~" } });
  });

  it("is refused with any part changed, and under another key", async () => {
    const key = await openSigningKey(dir);
    const other = await openSigningKey(join(root, "others"));
    const envelope = decode(seal(key, { verdict: "fail" }));
    const forged = Buffer.from('{"verdict":"pass"}').toString("base64");
    const changed = [
      { ...envelope, payload: forged },
      { ...envelope, payloadType: "application/json" },
      { ...envelope, signatures: [] },
      { ...envelope, signatures: [{ keyid: key.id, sig: "" }] },
      {},
    ];
    for (const one of changed) expect(open(key, encode(one))).toMatchObject({ ok: false });
    expect(open(key, new Uint8Array([0xff]))).toMatchObject({ ok: false });
    const problem = expect.stringContaining(`another key (${other.id})`);
    expect(open(key, seal(other, { verdict: "pass" }))).toEqual({ ok: false, problem });
    // a hint that lies changes nothing
    const lying = decode(seal(other, { verdict: "pass" }));
    lying.signatures[0].keyid = key.id;
    expect(open(key, encode(lying))).toMatchObject({ ok: false });
  });
});
