import { exitCode, type RunState } from "@headrace/domain";
import { createEgress } from "@headrace/sandbox";
import Docker from "dockerode";
import { expect, test } from "vitest";
import { engineAddress } from "../support/engine.ts";
import { openTestFactory } from "../support/factory.ts";
import { NO_NPM } from "../support/needs.ts";
import { accepts, approves, task } from "../support/script.ts";
import { expectSound } from "../support/soundness.ts";

const APP = { name: "app", version: "1.0.0", lockfileVersion: 3, requires: true };
const FILES = {
  "package.json": '{ "name": "app", "version": "1.0.0" }\n',
  "package-lock.json": `${JSON.stringify({ ...APP, packages: { "": { name: "app", version: "1.0.0" } } })}\n`,
  ".gitignore": "node_modules\n",
};
const INSTALLED = {
  version: "1.3.0",
  resolved: "https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz",
  integrity:
    "sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2HrNcqQGsdot8ghrjyrvMCoEA==",
};
const PADS = `node -p 'require("left-pad")(7, 3, 0)'`;

const removeImages = async ({ steps }: RunState): Promise<void> => {
  const docker = new Docker(await engineAddress());
  const images = Object.values(steps).flatMap(({ result }) => {
    if (result?.kind === "environment") return [result.image];
    return result?.kind === "verify" ? [result.receipt.key.image] : [];
  });
  for (const image of new Set(images)) await docker.getImage(image).remove({ force: true });
};

const submits = { calls: [{ submit_change: { summary: "Pads numbers." } }] };

test.skipIf(NO_NPM)(
  "a task adds a dependency with the package manager, its gate uses it, and the next task has it offline (needs registry.npmjs.org)",
  async () => {
    await using last = new AsyncDisposableStack();
    await using egress = createEgress({ registries: [] });
    await using factory = await openTestFactory({ egress });
    const run = await factory.start({
      files: FILES,
      setup: ["npm ci"],
      tasks: [task("adds", { permits: ["lockfile"] }), task("uses", { blockedBy: ["adds"] })],
      script: [
        {
          role: "coder",
          task: "adds",
          turns: [
            {
              contains: ["## Dependencies", "read-only"],
              calls: [{ bash: { command: "npm install left-pad@1.3.0" } }],
            },
            {
              contains: "added 1 package",
              calls: [
                { bash: { command: "git diff package-lock.json" } },
                { write: { path: "checks/pads.sh", content: `test "$(${PADS})" = 007\n` } },
                { bash: { command: "sh test.sh" } },
              ],
            },
            { contains: [INSTALLED.resolved, "all green"], ...submits },
          ],
        },
        {
          role: "reviewer",
          task: "adds",
          turns: [
            { calls: [{ bash: { command: PADS } }] },
            {
              contains: "007",
              calls: [{ submit_review: { decision: "approve", summary: "It pads." } }],
            },
          ],
        },
        {
          role: "coder",
          task: "uses",
          turns: [
            {
              calls: [
                {
                  bash: {
                    command: `${PADS}; npm install --fetch-retries=0 is-number || echo no network`,
                  },
                },
                { write: { path: "pads.sh", content: `${PADS}\n` } },
              ],
            },
            { contains: ["007", "no network"], ...submits },
          ],
        },
        approves("uses"),
        accepts({ r1: { file: "package-lock.json", quote: INSTALLED.resolved } }),
      ],
    });
    const settled = await run.settled();
    last.defer(() => removeImages(settled));
    expect(exitCode(settled)).toBe(0);
    const state = await expectSound(run);
    expect(Object.values(state.tasks).map(({ attempts }) => attempts)).toEqual([1, 1]);
    const lock = JSON.parse(run.merged("package-lock.json"));
    expect(lock.packages["node_modules/left-pad"]).toMatchObject(INSTALLED);
    const used = (await run.events()).filter((event) => event.type === "network.used");
    const coding = used.filter((event) => event.requests.some(({ phase }) => phase === "coding"));
    expect(new Set(coding.map((event) => event.task))).toEqual(new Set(["adds"]));
    const asked = coding.flatMap((event) => event.requests.map(({ host, path }) => host + path));
    expect(asked).toContain("registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz");
  },
);
