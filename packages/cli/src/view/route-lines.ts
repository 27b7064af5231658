import {
  type Candidate,
  candidateKey,
  type PinnedRoutes,
  Role,
  type Route,
  type RouteOverride,
  routeFor,
} from "@headrace/domain";

/** Which models work as what, best first: a line for each list of them, with the roles or tasks that it is for. */
export const aboutRoutes = (
  routes: PinnedRoutes,
  overrides: readonly RouteOverride[],
): string[] => {
  const roles = Role.options.map((role) => ({ who: role, route: routeFor(routes, [], role) }));
  const tasks = overrides.map(({ task, role, route }) => ({ who: `${role} of ${task}`, route }));
  const all = [...roles, ...tasks];
  const providers = new Set(all.flatMap(({ route }) => route.candidates.map((c) => c.provider)));
  const name = providers.size > 1 ? candidateKey : ({ model }: Candidate) => model;
  const lists = Map.groupBy(all, ({ route }) => inOrder(route, name));
  return [...lists].map(([models, members]) => {
    const whole = lists.size === 1 && tasks.length === 0;
    return `${whole ? "every role" : members.map((one) => one.who).join(", ")}: ${models}`;
  });
};

const inOrder = ({ candidates, order }: Route, name: (candidate: Candidate) => string): string => {
  const [first = "", ...rest] = candidates.map(
    (candidate) =>
      `${name(candidate)}${candidate.effort === undefined ? "" : ` at ${candidate.effort} effort`}`,
  );
  if (rest.length === 0) return first;
  return order === "cheapest"
    ? `the cheapest of ${[first, ...rest].join(", ")}`
    : `${first}, else ${rest.join(", ")}`;
};
