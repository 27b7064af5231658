import { describe, expect, test } from "vitest";
import { extraAttempts, nextRung, type Rung } from "./conflict-ladder.ts";

/** One task whose conflicts always fail: every rung it is given, in order. */
const climb = (files: string[], permits: string[] = []): Rung[] => {
  const tried: Rung[] = [];
  for (let after: Rung | undefined; after !== "quarantine"; after = tried.at(-1)) {
    tried.push(nextRung({ files, permits, tried, after }));
    expect(tried.length).toBeLessThan(20);
  }
  return tried;
};

describe("the ladder of a conflict", () => {
  test("goes to the author, the merger, a rewrite, and ends", () => {
    expect(climb(["a.ts"])).toEqual(["author", "merger", "rewrite", "quarantine"]);
  });

  test("begins with the package manager where only its own files conflict and the plan permits", () => {
    const permits = ["lockfile"];
    expect(climb(["package-lock.json", "web/pnpm-lock.yaml"], permits)[0]).toBe("lockfile");
    expect(climb(["package-lock.json"])[0]).toBe("author");
    expect(climb(["package-lock.json", "package.json"], permits)[0]).toBe("author");
    expect(climb(["requirements.txt"], permits)[0]).toBe("author");
  });

  test("gives no rung more often than its limit, however often a task conflicts", () => {
    const tried: Rung[] = [];
    for (let conflicts = 0; conflicts < 10; conflicts += 1)
      tried.push(nextRung({ files: ["a.ts"], permits: [], tried }));
    expect(tried.slice(0, 5)).toEqual(["author", "merger", "rewrite", "quarantine", "quarantine"]);
  });

  test("goes on where it stood when the branch was moved under it", () => {
    const tried: Rung[] = ["author", "merger"];
    const files = ["a.ts"];
    expect(nextRung({ files, permits: [], tried, at: "merger" })).toBe("merger");
    expect(nextRung({ files, permits: ["lockfile"], tried: ["lockfile"], at: "lockfile" })).toBe(
      "author",
    );
  });

  test("charges the limit of attempts with none that a conflict cost", () => {
    expect(extraAttempts(["lockfile", "author", "merger", "rewrite", "quarantine"])).toBe(2);
  });
});
