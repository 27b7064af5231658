import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type PriceBook, UserError } from "@headrace/domain";
import { createPriceBook, PRICES, PriceRow } from "@headrace/models";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";

/** `config.yaml` in the data directory: the installation's own settings, never a repository's. */
const UserConfig = z.strictObject({
  /** added to the built-in table; later rows win */
  prices: z.array(PriceRow).max(1000).default([]),
});
type UserConfig = z.infer<typeof UserConfig>;

const REMEDY =
  'Known: prices, a list of {model, input: "3", output: "15"} in USD per million tokens.';

/** Throws `UserError` naming file, line and field; an absent file is an empty one. */
const readUserConfig = async (dataDir: string): Promise<UserConfig> => {
  const file = join(dataDir, "config.yaml");
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return "";
    throw new UserError(
      `${file}: cannot be read (${cause.code})`,
      "Make it readable or remove it.",
      { cause },
    );
  });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [broken] = document.errors;
  if (broken) {
    const line = broken.linePos?.[0].line ?? 1;
    throw new UserError(`${file}:${line}: not YAML: ${broken.message.split("\n")[0]}`, REMEDY);
  }
  const parsed = UserConfig.safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path ?? [];
  const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined;
  const line = node?.range ? lines.linePos(node.range[0]).line : 1;
  throw new UserError(
    `${file}:${line}: ${path.join(".") || "the file"}: ${issue?.message}`,
    REMEDY,
  );
};

/** The built-in prices and the installation's own. */
export const readPriceBook = async (dataDir: string): Promise<PriceBook> =>
  createPriceBook([...PRICES, ...(await readUserConfig(dataDir)).prices]);
