import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { PRODUCT, UserError } from "@headrace/domain";
import { resultCode } from "./sql.ts";

const SQLITE_BUSY = 5;

const holderOf = (pidFile: string): string => {
  try {
    return `process ${Number.parseInt(readFileSync(pidFile, "utf8"), 10)}`;
  } catch {
    return "another process";
  }
};

/**
 * Makes this process the file's one writer, or throws a `UserError` that names the process that is. The lock is an
 * exclusive transaction on a database of its own beside the file: the operating system ends it with the
 * process, however that dies, and readers of the store are not kept out. The pid is written for the message only.
 */
export const lockForWriting = (file: string): Disposable => {
  const pidFile = `${file}.pid`;
  const lock = new DatabaseSync(`${file}.lock`, { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (resultCode(error) !== SQLITE_BUSY) throw error;
    throw new UserError(
      `${file} is in use by ${holderOf(pidFile)}`,
      `stop it with \`${PRODUCT} stop\`, or name another data directory with --data`,
      { cause: error },
    );
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  return {
    [Symbol.dispose]: () => {
      rmSync(pidFile, { force: true });
      lock.close();
    },
  };
};
