import { type Candidate, Role, type Route } from "@headrace/domain";
import { expect, it } from "vitest";
import { aboutRoutes } from "./route-lines.ts";

const candidate = (key: string, more: Partial<Candidate> = {}): Candidate => {
  const [provider = "", model = ""] = key.split("/");
  return { provider, model, pool: model, window: 200_000, capabilities: ["tools"], ...more };
};
const route = (...candidates: Candidate[]): Route => ({ candidates, needs: [], order: "listed" });
const all = (one: Route) => Object.fromEntries(Role.options.map((role) => [role, one]));

it("names the models of each role, roles with the same ones together", () => {
  const strong = route(candidate("anthropic/opus"), candidate("anthropic/older"));
  const routes = { ...all(strong), coder: route(candidate("anthropic/sonnet")) };
  expect(aboutRoutes(routes, [])).toEqual([
    "planner, researcher, reviewer, merger: opus, else older",
    "coder: sonnet",
  ]);
  expect(aboutRoutes(all(strong), [])).toEqual(["every role: opus, else older"]);
});

it("names the providers where there are several, efforts, tasks of their own and a choice by price", () => {
  const own = route(candidate("direct/sonnet", { effort: "low" }), candidate("box/qwen"));
  const overrides = [
    { task: "docs-*", role: "coder" as const, route: { ...own, order: "cheapest" as const } },
  ];
  expect(aboutRoutes(all(route(candidate("direct/opus"))), overrides)).toEqual([
    "planner, researcher, coder, reviewer, merger: direct/opus",
    "coder of docs-*: the cheapest of direct/sonnet at low effort, box/qwen",
  ]);
});
