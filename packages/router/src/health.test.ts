import { describe, expect, test } from "vitest";
import { changedRows, readHealth } from "./index.ts";
import { apart, KEY } from "./model-fixture.ts";
import { route, World } from "./router-fixture.ts";

describe("health", () => {
  test("comes back from the store as it was, and only rows that changed are written", () => {
    const world = new World();
    const empty = world.health;
    world.sure("call-1", route([KEY]));
    expect(changedRows(empty, world.health).map(({ key }) => key)).toEqual([
      `candidates/${KEY}`,
      "providers/a",
    ]);
    world.fail("call-1", "rate", { until: world.in(1_000) });
    const before = world.health;
    world.sure("call-2", route(["b/two"]), apart("call-2"));
    expect(changedRows(before, world.health).map(({ key }) => key)).toEqual([
      "candidates/b/two",
      "providers/b",
    ]);
    world.fail("call-2", "gone");
    const rows = Object.fromEntries(
      changedRows(empty, world.health).map(({ key, value }) => [key, value]),
    );
    expect(readHealth(JSON.parse(JSON.stringify(rows)))).toEqual(world.health);
  });

  test("is without a row that an older version wrote otherwise", () => {
    expect(readHealth({ "candidates/a/one": { circuit: "open" }, "elsewhere/a": 1 })).toEqual(
      new World().health,
    );
  });
});
