import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import Docker from "dockerode";
import { expect } from "vitest";
import { stringify } from "yaml";
import { engineAddress } from "../../support/engine.ts";
import { git } from "../../support/git.ts";
import { accepts, approves, plans, task } from "../../support/script.ts";
import { type HostileCase, hostile, type Verdict } from "../case.ts";
import { HUNT, MARK, memoryHunt, spelt } from "../hunt.ts";
import type { Stage } from "../stage.ts";
import { type Control, PLACES, type Place, type Planted, plant } from "./s-plant.ts";

/** Somewhere that was searched, and what must have been found there or the search is blind. */
type Sink = { found: ReadonlySet<string>; must: readonly (Control | Place)[] };
type Hunt = Pick<Planted, "canaries" | "controls"> & { sinks: Readonly<Record<string, Sink>> };

const SPEC = (secret: string) =>
  `# Hunt\n\n<!-- secret: ${secret} -->\n\n## Acceptance criteria\n\n- hunted.txt is there.\n`;

const DONE = "the hunt is over and done\n";
const script = (controls: Planted["controls"]) => [
  plans({ summary: `Hunt ${controls["the plan"]}.`, tasks: [task("hunt")] }),
  approves("plan"),
  {
    role: "coder",
    task: "hunt",
    turns: [
      {
        calls: [
          {
            bash: {
              command: `export BAIT=$(${spelt(controls["the agent's environment"])}); (${HUNT}) > hunted.txt; tail -c 2000 hunted.txt`,
            },
          },
          {
            bash: {
              command: `(${memoryHunt(controls["a process's memory"])}\n) | tee -a hunted.txt`,
            },
          },
          { write: { path: "done.txt", content: DONE } },
          { submit_change: { summary: "hunted" } },
        ],
      },
    ],
  },
  approves("hunt"),
  accepts({ r1: { file: "done.txt", quote: DONE.trim() } }),
];

const inText = (text: string): Set<string> => new Set(text.match(MARK) ?? []);

/** Canaries in every file below a folder but some, as they lie on the disk. */
const inFolder = async (dir: string, without: readonly string[]): Promise<Set<string>> => {
  const found = new Set<string>();
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || without.includes(path)) continue;
    for (const one of inText((await readFile(path)).toString("latin1"))) found.add(one);
  }
  return found;
};

/** Every value of every row, as text: on the disk a long one is cut into pages. */
const rowsOf = (file: string): string[] => {
  using store = new DatabaseSync(file, { readOnly: true });
  const tables = store.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  return tables
    .flatMap(({ name }) => store.prepare(`SELECT * FROM "${name}"`).all())
    .flatMap((row) => Object.values(row))
    .map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value))
    .map((value) => (Buffer.isBuffer(value) ? value.toString("latin1") : String(value)));
};

/** Canaries in every object of every repository below a folder; on the disk they are compressed. */
const inRepositories = async (dir: string): Promise<Set<string>> => {
  const found = new Set<string>();
  const heads = (await readdir(dir, { recursive: true })).filter((path) => /\/?HEAD$/.test(path));
  for (const head of heads) {
    const repository = join(dir, head, "..");
    const objects = ["cat-file", "--batch-all-objects", "--batch"];
    for (const one of inText(git(repository, ...objects))) found.add(one);
  }
  return found;
};

/** Canaries in every layer and the configuration of an image. */
const inImage = async (docker: Docker, image: string): Promise<Set<string>> => {
  const found = new Set<string>();
  let tail = "";
  for await (const chunk of await docker.getImage(image).get()) {
    const text = tail + (chunk as Buffer).toString("latin1");
    for (const one of inText(text)) found.add(one);
    tail = text.slice(-40);
  }
  return found;
};

/** Two runs of the real command line: one is let in with its secret, the other's spec has one nobody knows as such. */
const run = async ({ shell, canaries, controls, repo }: Planted) => {
  const args = ["--model", "script:hunt.yaml", "--json"];
  await shell.file("hunt.yaml", stringify({ conversations: script(controls) }));
  await shell.file("other.md", SPEC(canaries.S07[0] ?? ""));
  await shell.file("spec.md", SPEC(canaries.S11[0] ?? ""));
  const other = await shell.headrace("run", "other.md", "--new", "other", ...args, "--detach");
  expect(other.code, other.err).toBe(0);
  const ended = await shell.headrace(
    "run",
    "spec.md",
    "--repo",
    "repo",
    ...args,
    "--allow-secrets",
  );
  expect(ended.code, `${ended.out.slice(-3000)}\n${ended.err}`).toBe(0);
  const [, id = ""] =
    /headrace\/([a-z0-9-]+)\/integration/.exec(git(repo, "branch", "--all")) ?? [];
  const log = (await shell.headrace("log", id, "--json")).out;
  return { id, log, printed: ended.out + ended.err };
};

const hunt = async (closing: AsyncDisposableStack): Promise<Hunt> => {
  const planted = await plant(closing);
  const { canaries, controls, repo, data } = planted;
  const { id, log, printed } = await run(planted);
  const merged = git(repo, "show", `headrace/${id}/integration:hunted.txt`);
  const image = /"image":"([^"]+)"/.exec(log)?.[1] ?? "";
  const docker = new Docker(await engineAddress());
  closing.defer(() => docker.getImage(image).remove({ force: true }));
  const rows = rowsOf(join(data, "headrace.db"));
  const ofGates = rows.filter((row) => row.includes(controls["a file of a gate"]));
  const own = OWN.map((name) => join(data, name));
  const readable: Sink = {
    found: inText(merged),
    must: [
      "a file of the workspace",
      "a file that was there during set-up",
      "the agent's environment",
      "a process's memory",
    ],
  };
  const sinks: Record<string, Sink> = {
    [READABLE]: readable,
    [READABLE_BY_GATES]: {
      found: inText(ofGates.join("\n")),
      must: ["a file of a gate", "a file of the workspace"],
    },
    "the branches": {
      found: inText(git(repo, "log", "-p", "--all")),
      must: ["a file of the workspace"],
    },
    "the events": { found: inText(log), must: ["the plan"] },
    "what is printed": { found: inText(printed), must: ["the plan"] },
    "the factory's log": {
      found: inText(await readFile(join(data, "factory.log"), "utf8")),
      must: ["the data directory's name"],
    },
    "the image and its layers": {
      found: await inImage(docker, image),
      must: ["a file that was there during set-up"],
    },
    "the factory's repositories": {
      found: await inRepositories(data),
      must: ["a file of the workspace"],
    },
    [KEPT_IN[0]]: { found: inText(rows.join("\n")), must: ["the plan", ...KEPT] },
    [KEPT_IN[1]]: { found: await inFolder(data, own), must: ["the plan", ...KEPT] },
  };
  await expectKeys(data, planted);
  return { canaries, controls, sinks };
};

const OWN = ["credentials", "config.yaml", "keys/signing.pem"];

/** The three files that hold secrets are where they were searched for; they are the only ones left out. */
const expectKeys = async (data: string, { canaries, controls }: Planted): Promise<void> => {
  const all = await inFolder(data, []);
  const there = [canaries.S03[1] ?? "", ...canaries.S12, ...canaries.S14, controls["config.yaml"]];
  expect(there.filter((one) => !all.has(one))).toEqual([]);
};

const READABLE = "what an agent and set-up can read";
const READABLE_BY_GATES = "what a gate can read";
/** What a person submits is kept, in the store and in what the model is told: it must be found there, and only there. */
const KEPT: readonly Place[] = ["S07", "S11"];
const KEPT_IN = ["the store's rows", "the data directory"] as const;

const hunted = (stage: Stage): Promise<Hunt> =>
  stage.once("hunted", async (closing) => {
    const { sinks, canaries, controls } = await hunt(closing);
    // those of the stage have no business in any of them
    for (const [name, { found }] of Object.entries(sinks))
      stage.canaries.note(name, [...found].join());
    const readable = [READABLE, READABLE_BY_GATES].flatMap((name) => [
      ...(sinks[name]?.found ?? []),
    ]);
    stage.tripwires.count(`of ${Object.keys(PLACES).length} canaries readable in a sandbox`, () => {
      const places = Object.values(canaries);
      return places.filter((place) => place.some((one) => readable.includes(one))).length;
    });
    return { sinks, canaries, controls };
  });

const HIDDEN: readonly HostileCase[] = Object.entries(PLACES).map(([id, what]) =>
  hostile({
    id,
    title: `a canary in ${what}, hunted by an agent, a gate and set-up`,
    verdict: "contained",
    build: hunted,
    run({ canaries, sinks }): Verdict {
      for (const [name, { found, must }] of Object.entries(sinks)) {
        if (must.includes(id as Place)) continue;
        const here = canaries[id as Place].filter((one) => found.has(one));
        expect(here, name).toEqual([]);
      }
      return "contained";
    },
  }),
);

const FOUND = hostile({
  id: "S13",
  title: "the control: canaries that may be read are found by the same hunt, everywhere it looks",
  verdict: "harmless",
  build: hunted,
  run({ canaries, controls, sinks }): Verdict {
    const all: Readonly<Record<string, string | undefined>> = {
      ...controls,
      ...Object.fromEntries(KEPT.map((place) => [place, canaries[place][0]])),
    };
    const missed = Object.entries(sinks).flatMap(([name, { found, must }]) =>
      must.filter((one) => !found.has(all[one] ?? "")).map((one) => `${one} in ${name}`),
    );
    expect(missed).toEqual([]);
    return "harmless";
  },
});

export const SECRETS: readonly HostileCase[] = [...HIDDEN, FOUND];
