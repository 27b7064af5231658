import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
} from "node:crypto";
import { constants } from "node:fs";
import { link, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "@headrace/domain";

const PRIVATE = "signing.pem";
const PUBLIC = "signing.pub.pem";

/** `id`: SHA-256 of the key's SPKI in DER, in hex. */
export type PublicKey = { id: string; key: KeyObject; pem: string };

/** `secrets`: texts by which a redactor knows the private half. */
export type SigningKey = PublicKey & { privateKey: KeyObject; secrets: readonly string[] };

/**
 * The installation's ed25519 key from `dir`, made there at first use; processes that make it at once agree on one.
 * The public half lies beside it. Throws `UserError` where others could read it, or it is none.
 */
export const openSigningKey = async (dir: string): Promise<SigningKey> => {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if ((await stat(dir)).mode & 0o077) throw exposed(dir, "700");
  const pem = (await readPrivate(dir)) ?? (await makePrivate(dir));
  const privateKey = parse(join(dir, PRIVATE), () => createPrivateKey(pem));
  const key = describe(createPublicKey(privateKey));
  await publish(dir, key.pem);
  const [, body = ""] = /-----\n([\s\S]+)\n-----/.exec(pem) ?? [];
  return { ...key, privateKey, secrets: [body] };
};

/** The public half as `openSigningKey` left it in `dir`; undefined where no factory has signed yet. */
export const readPublicKey = async (dir: string): Promise<PublicKey | undefined> => {
  const path = join(dir, PUBLIC);
  const pem = await readFile(path, "utf8").catch(unlessMissing);
  return pem === undefined ? undefined : parsePublicKey(path, pem);
};

/** `from` is named where it is no key. */
export const parsePublicKey = (from: string, pem: string): PublicKey =>
  describe(parse(from, () => createPublicKey(pem)));

const describe = (key: KeyObject): PublicKey => ({
  id: createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex"),
  key,
  pem: key.export({ type: "spki", format: "pem" }).toString(),
});

const parse = (path: string, read: () => KeyObject): KeyObject => {
  const problem = `${path} is not an ed25519 key in PEM`;
  const remedy = "Put it back from a backup: what it signed cannot be checked with another one.";
  let key: KeyObject;
  try {
    key = read();
  } catch (cause) {
    throw new UserError(problem, remedy, { cause });
  }
  if (key.asymmetricKeyType !== "ed25519") throw new UserError(problem, remedy);
  return key;
};

const exposed = (path: string, mode: string): UserError =>
  new UserError(
    `${path} can be read by others, so anyone could have signed with the key in it`,
    `If nobody did: chmod ${mode} ${path}. Else move it away: a new key is made, and audits of older runs need the old public one.`,
  );

const unlessMissing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== "ENOENT") throw error;
};

/** Judged by the descriptor it is read from: a link is not followed, and nothing can be put in its place between. */
const readPrivate = async (dir: string): Promise<string | undefined> => {
  const path = join(dir, PRIVATE);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  const file = await open(path, flags).catch(unlessMissing);
  if (file === undefined) return undefined;
  try {
    if ((await file.stat()).mode & 0o077) throw exposed(path, "600");
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
};

/** Written whole under another name and then linked to its own, which fails for all but the first. */
const makePrivate = async (dir: string): Promise<string> => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  const fresh = await writeFresh(dir, pem.toString(), 0o600);
  try {
    await link(fresh, join(dir, PRIVATE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(fresh);
  }
  await syncFolder(dir);
  const kept = await readPrivate(dir);
  if (kept === undefined) throw new Error(`${join(dir, PRIVATE)} was removed as it was made`);
  return kept;
};

const publish = async (dir: string, pem: string): Promise<void> => {
  const path = join(dir, PUBLIC);
  if ((await readFile(path, "utf8").catch(unlessMissing)) === pem) return;
  await rename(await writeFresh(dir, pem, 0o644), path);
};

const writeFresh = async (dir: string, text: string, mode: number): Promise<string> => {
  const path = join(dir, `${randomUUID()}.new`);
  await using file = await open(path, "wx", mode);
  await file.writeFile(text);
  await file.sync();
  return path;
};

/** What was signed by a key that a power cut took could never be checked. */
const syncFolder = async (dir: string): Promise<void> => {
  await using folder = await open(dir, "r");
  await folder.sync();
};
