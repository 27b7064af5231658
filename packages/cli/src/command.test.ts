import { expect, it } from "vitest";
import { commandOf } from "./command.ts";
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
