import type { Sandbox } from "@headrace/domain";
import { decode } from "../text.ts";
import { ToolError } from "../tool.ts";

/** What a sandbox throws for the model is a plain Error; a lost sandbox, an abort or a defect is not. */
export const toModel = (error: unknown): never => {
  if (error instanceof Error && error.name === "Error") {
    throw new ToolError(error.message, { cause: error });
  }
  throw error;
};

export const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** A regular file's bytes, whole. */
const readBytes = async (sandbox: Sandbox, path: string): Promise<Uint8Array> => {
  const file = await sandbox.read(path, MAX_FILE_BYTES).catch(toModel);
  if (file === undefined) {
    throw new ToolError(
      `there is no regular file at ${path}; list the folder with bash to find it`,
    );
  }
  if (file.size > file.bytes.length) {
    throw new ToolError(
      `${path} has ${file.size} bytes, more than ${MAX_FILE_BYTES}: use bash (head, sed -n, grep)`,
    );
  }
  return file.bytes;
};

/** A text file; what is not text is refused with the way around. */
export const readText = async (sandbox: Sandbox, path: string): Promise<string> => {
  const bytes = await readBytes(sandbox, path);
  if (bytes.subarray(0, 8192).includes(0)) {
    throw new ToolError(`${path} is binary (${bytes.length} bytes): inspect it with bash`);
  }
  return decode(bytes);
};

/** A file that can be decoded and written back without losing a byte. */
export const readUtf8 = async (sandbox: Sandbox, path: string): Promise<string> => {
  const bytes = await readBytes(sandbox, path);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new ToolError(`${path} is not UTF-8 text: change it with bash`, { cause: error });
  }
};

/** Answers how many bytes were written. */
export const writeText = async (sandbox: Sandbox, path: string, text: string): Promise<number> => {
  const bytes = new TextEncoder().encode(text);
  await sandbox.write(path, bytes).catch(toModel);
  return bytes.length;
};
