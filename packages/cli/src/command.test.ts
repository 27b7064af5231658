import { execFileSync } from "node:child_process";
import { UserError } from "@headrace/domain";
import { expect, it } from "vitest";
import { commandOf, quoted, withCommands } from "./command.ts";
import { dataDir } from "./data-dir.ts";

it("a follow-up command names the data directory that the person named, and no other", () => {
  expect(dataDir("/srv/head race", {}).command("land r1")).toBe(
    "headrace land r1 --data '/srv/head race'",
  );
  expect(dataDir(undefined, { HEADRACE_HOME: "/srv/x" }).command("land r1")).toBe(
    "headrace land r1",
  );
});

it("a follow-up command starts as the person called this one", () => {
  const npx = { npm_command: "exec", npm_lifecycle_event: "npx" };
  const line = (script: string) => commandOf({ ...npx, npm_lifecycle_script: script })("watch r1");
  expect(line("headrace")).toBe("npx headrace watch r1");
  expect(line("'headrace' run spec.md")).toBe("npx headrace watch r1");
  expect(line("vitest run headrace")).toBe("headrace watch r1");
  expect(commandOf({ npm_command: "run-script" })("watch r1")).toBe("headrace watch r1");
});

it("a remedy's commands, and nothing else of an error, are told as the person types them", () => {
  const { command } = dataDir("/srv/x", { npm_command: "exec", npm_lifecycle_script: "headrace" });
  const told = withCommands(
    new UserError(
      "`headrace land r1` is what a model wrote",
      "see `headrace doctor` or headrace.yaml, `headrace`, `npm test`; then `headrace run a.md --repo .`",
    ),
    command,
  );
  expect(told.message).toBe(
    "`headrace land r1` is what a model wrote\n  see `npx headrace doctor --data /srv/x` or headrace.yaml, `headrace`, `npm test`; " +
      "then `npx headrace run a.md --repo . --data /srv/x`",
  );
  const bare = new UserError("there is no blob b");
  expect(withCommands(bare, command)).toEqual(bare);
});

it.each(["/srv/repo", "/srv/head race", 'it\'s $(id) `id` "$HOME" \\', "~", ""])(
  "a shell reads the word %j of a printed command as it is",
  (word) => {
    expect(
      execFileSync("sh", ["-c", `printf %s ${quoted(word)}`, "sh"], { encoding: "utf8" }),
    ).toBe(word);
  },
);
