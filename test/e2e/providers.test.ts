import { join } from "node:path";
import { startSimulator } from "@headrace/simulator";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { helloScript, prepareHello } from "../support/hello-run.ts";
import { openShell } from "../support/shell.ts";

const SPENT = {
  status: 400,
  message:
    "You have reached your specified API usage limits. You will regain access on 2099-12-01 at 00:00 UTC.",
};

/** The coder's first provider takes no call, for it is out of money. */
const spent = [
  {
    role: "coder",
    task: "hello",
    turns: [{ text: "not said", error: SPENT }],
  },
];

type Logged = { type: string; role?: string; provider?: string; model?: string; class?: string };

test("a run goes by the person's routes: out of money at one provider, its coder works at the other", async () => {
  await using shell = await openShell();
  const gates = [{ name: "readme", run: "grep -q readme README.md" }];
  const { args } = await prepareHello(shell, "app", helloScript(), {
    "headrace.yaml": stringify({ gates, routes: { reviewer: "spare-opus" } }),
  });
  const poor = await shell.file(
    "poor.yaml",
    stringify({ conversations: [...spent, ...helloScript([])] }),
  );
  const direct = await startSimulator({ mode: { kind: "script", file: poor } });
  const spare = await startSimulator({
    mode: { kind: "script", file: join(shell.dir, "app.yaml") },
    provider: "openrouter",
  });
  await using _both = {
    [Symbol.asyncDispose]: async () => void (await Promise.all([direct.close(), spare.close()])),
  };
  await shell.file(
    "data/config.yaml",
    stringify({
      providers: {
        direct: { kind: "anthropic", url: direct.url, credential: "DIRECT_KEY" },
        spare: { kind: "openrouter", url: spare.url },
      },
      models: {
        sonnet: { provider: "direct", id: "claude-sonnet-5" },
        "spare-sonnet": { provider: "spare", id: "claude-sonnet-5" },
        "spare-opus": { provider: "spare", id: "anthropic/claude-opus-4.8" },
      },
      routes: { coder: ["sonnet", "spare-sonnet"] },
    }),
  );
  Object.assign(shell.env, { DIRECT_KEY: direct.apiKey, OPENROUTER_API_KEY: spare.apiKey });

  const { code, out, err } = await shell.headrace(
    ...args.slice(0, args.indexOf("--model")),
    "--foreground",
    "--json",
  );
  expect(code, err).toBe(0);
  // told before it starts, so that a slip in a route is seen while it costs nothing
  expect(err).toContain(
    "\n  coder: direct/claude-sonnet-5, else spare/anthropic/claude-sonnet-5\n",
  );
  expect(err).toContain("\n  reviewer: spare/anthropic/claude-opus-4.8\n");
  const events = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Logged);
  const called = (role: string) =>
    new Set(
      events
        .filter((e) => e.type === "model.called" && e.role === role)
        .map((e) => `${e.provider} ${e.model}`),
    );
  expect(called("planner")).toEqual(new Set(["direct claude-opus-4-8"]));
  expect(called("coder")).toEqual(new Set(["spare anthropic/claude-sonnet-5"]));
  expect(called("reviewer")).toEqual(new Set(["spare anthropic/claude-opus-4.8"]));
  expect(events.filter((e) => e.type === "model.failed")).toMatchObject([
    { role: "coder", class: "credit", provider: "direct" },
  ]);
});
