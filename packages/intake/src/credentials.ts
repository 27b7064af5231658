import { open } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "@headrace/domain";
import { inputError, nearest } from "./problem.ts";

const KEY = "ANTHROPIC_API_KEY";

/** What Anthropic's clients send as a bearer token, as gateways such as OpenRouter want it. */
export const BEARER_TOKEN = "ANTHROPIC_AUTH_TOKEN";

/** What is known of the model provider that needs no configuration. Keys never leave the process that asks a model. */
export type Credentials = {
  apiKey: string | undefined;
  /** the name of the setting that the key is from, which says how it is sent; of the API key where there is none */
  key: "ANTHROPIC_API_KEY" | typeof BEARER_TOKEN;
  /** undefined: the provider's own address */
  baseUrl: string | undefined;
};

const URL_NAME = "ANTHROPIC_BASE_URL";
const ENVIRONMENT = "the environment";
const MAX_BYTES = 64 * 1024;

type Settings = Record<string, string | undefined>;

/** Where credentials may come from, and which are asked for besides the provider's. */
type Sources = {
  env: Readonly<Record<string, string | undefined>>;
  dataDir: string;
  /** names that the installation's own configuration refers to */
  names?: readonly string[];
};

const fileOf = (dataDir: string): string => join(dataDir, "credentials");

/** `NAME=value` lines; errors never show a value. */
const parse = (file: string, text: string, known: readonly string[]): Settings => {
  const settings: Settings = {};
  for (const [index, raw] of text.split("\n").entries()) {
    const content = raw.trim().replace(/^export\s+/, "");
    if (content === "" || content.startsWith("#")) continue;
    const at = content.indexOf("=");
    const name = at < 0 ? "" : content.slice(0, at).trim();
    if (!known.includes(name)) {
      const meant = nearest(
        name,
        known.map((one) => one.toLowerCase()),
      );
      throw inputError({
        file,
        line: index + 1,
        problem: at < 0 ? "expected NAME=value" : `${name.slice(0, 60)} is not a known name`,
        remedy: `Write ${meant?.toUpperCase() ?? KEY}=... (known: ${known.join(", ")}).`,
      });
    }
    settings[name] = content
      .slice(at + 1)
      .trim()
      .replace(/^(["'])(.*)\1$/, "$2");
  }
  return settings;
};

const readFileSettings = async ({ dataDir, names = [] }: Sources): Promise<Settings> => {
  const file = fileOf(dataDir);
  try {
    await using handle = await open(file);
    const { mode, size } = await handle.stat();
    if ((mode & 0o077) !== 0)
      throw inputError({
        file,
        problem: "can be read by other users of this machine",
        remedy: `Run: chmod 600 ${file}`,
      });
    if (size > MAX_BYTES)
      throw inputError({
        file,
        problem: "is too big to be a credentials file",
        remedy: `It holds lines such as ${KEY}=...`,
      });
    return parse(file, await handle.readFile("utf8"), [KEY, BEARER_TOKEN, URL_NAME, ...names]);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return {};
    throw new UserError(`${file}: cannot be read`, "Check its owner and mode.", { cause });
  }
};

const checkedUrl = (text: string, from: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:")
    throw new UserError(
      `${URL_NAME} from ${from} is not an http or https address`,
      `Set it to the provider's address, or unset it.`,
    );
  return text.replace(/\/+$/, "");
};

/** A setting, from the environment before the file, and which of the two it is from. */
const settingOf = (
  { env, dataDir }: Sources,
  stored: Settings,
  name: string,
): { text: string; from: string } | undefined => {
  const given = env[name]?.trim();
  if (given) return { text: given, from: ENVIRONMENT };
  return stored[name] ? { text: stored[name], from: fileOf(dataDir) } : undefined;
};

/**
 * Key and base URL, each from the environment, else from the file `credentials` in the data directory, never
 * from a repository. As with Anthropic's own clients, a token counts where there is no API key beside it.
 */
export const readCredentials = async (from: Sources): Promise<Credentials> => {
  const stored = await readFileSettings(from);
  const keyed = ([KEY, BEARER_TOKEN] as const).flatMap((name) => {
    const setting = settingOf(from, stored, name);
    return setting === undefined ? [] : [{ name, ...setting }];
  });
  const given = keyed.find((setting) => setting.from === ENVIRONMENT) ?? keyed[0];
  const url = settingOf(from, stored, URL_NAME);
  return {
    apiKey: given && checkedKey(given.text, `${given.name} from ${given.from}`),
    key: given?.name ?? KEY,
    baseUrl: url === undefined ? undefined : checkedUrl(url.text, url.from),
  };
};

/** A key as it may stand in a header; `name` says which it is. */
export const checkedKey = (text: string, name: string): string => {
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new UserError(
    `${name} holds characters that no key has`,
    "Copy the key again, on one line and without blanks.",
  );
};

/** The credentials of that name, each from the environment, else from the file; a name that has none is left out. */
export const readNamedCredentials = async (
  from: Sources & { names: readonly string[] },
): Promise<ReadonlyMap<string, string>> => {
  const stored = await readFileSettings(from);
  return new Map(
    from.names.flatMap((name): [string, string][] => {
      const setting = settingOf(from, stored, name);
      return setting === undefined ? [] : [[name, setting.text]];
    }),
  );
};
