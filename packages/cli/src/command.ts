import { PRODUCT, UserError } from "@headrace/domain";

/** The line a person types next: `land ID` as they called this command, on the same data directory. */
export type Command = (line: string) => string;

/** npx says what it runs; what is started from a script that npx runs is not started by npx itself. */
const caller = (env: NodeJS.ProcessEnv): string =>
  env.npm_command === "exec" && /^\W?headrace\b/.test(env.npm_lifecycle_script ?? "")
    ? `npx ${PRODUCT}`
    : PRODUCT;

/** A word of a command line as a shell reads it back. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** `folder` is the data directory that the person named, if any. */
export const commandOf =
  (env: NodeJS.ProcessEnv, folder?: string): Command =>
  (line) =>
    `${caller(env)} ${line}${folder === undefined ? "" : ` --data ${quoted(folder)}`}`;

const NAMED = new RegExp(`\`${PRODUCT} ([^\`\n]+)\``, "g");

/** A `UserError` whose remedy names commands as the person types them; who threw it cannot know how that is. */
export const withCommands = ({ problem, remedy }: UserError, command: Command): UserError =>
  new UserError(
    problem,
    remedy?.replace(NAMED, (_, line: string) => `\`${command(line)}\``),
  );
