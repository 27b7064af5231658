import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AGENTS, type CoderBrief } from "../../agents/index.ts";
import type { TokenUsage } from "../../packages/domain/src/index.ts";
import { createModelClient, withCacheBreakpoints } from "../../packages/models/src/index.ts";
import { startSimulator } from "../../packages/simulator/src/index.ts";
import { agentRig } from "../../test/support/agent-rig.ts";
import { tempDir } from "../../test/support/git.ts";

/** The simulator counts four bytes a token for all of them; it caches from 1,024. */
export const MODEL = "claude-sonnet-5";

const PARSE = `/** One row of a file, with the line it begins in. */
export const parse = (text) => {
  const rows = [];
  let fields = [];
  let field = "";
  let quoted = false;
  let line = 1;
  let begun = 1;
  const endField = () => {
    fields.push(field);
    field = "";
  };
  const endRow = () => {
    endField();
    rows.push({ line: begun, fields });
    fields = [];
    begun = line + 1;
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') field += text[++i];
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") endField();
    else if (c === "\\n") endRow();
    else if (c !== "\\r") field += c;
    if (c === "\\n") line++;
  }
  if (field !== "" || fields.length > 0) endRow();
  const [header, ...body] = rows;
  for (const row of body)
    if (row.fields.length !== header.fields.length)
      throw new Error(\`line \${row.line}: \${row.fields.length} fields\`);
  return { header: header.fields, rows: body };
};
`;

const TEST = `import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../src/parse.mjs";

test("fields are split at commas", () => {
  assert.deepEqual(parse("a,b\\n1,2\\n").rows, [{ line: 2, fields: ["1", "2"] }]);
});

test("a quoted field holds commas, doubled quotes and line breaks", () => {
  const { rows } = parse('a,b\\n"1,2","x""y\\nz"\\n');
  assert.deepEqual(rows[0].fields, ["1,2", 'x"y\\nz']);
});

test("a row of another length is an error", () => {
  assert.throws(() => parse("a,b\\n1\\n"), /line 2/);
});
`;

const CLI = `import { readFileSync } from "node:fs";
import { parse } from "./parse.mjs";

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: csv FILE");
  process.exit(2);
}
try {
  const { header, rows } = parse(readFileSync(file, "utf8"));
  console.log(\`\${rows.length} rows of \${header.length} columns\`);
} catch (error) {
  console.error(\`\${file}: \${error.message}\`);
  process.exit(1);
}
`;

const FILES = {
  "package.json": `${JSON.stringify({ name: "csv", type: "module", private: true, scripts: { test: "node --test" } }, null, 2)}\n`,
  "src/parse.mjs": PARSE,
  "src/cli.mjs": CLI,
  "test/parse.test.mjs": TEST,
};

const OLD = `  for (const row of body)
    if (row.fields.length !== header.fields.length)
      throw new Error(\`line \${row.line}: \${row.fields.length} fields\`);
`;
const NEW = `  const wrong = body.filter(({ fields }) => fields.length !== header.fields.length);
  if (wrong.length > 0) throw new RowsError(wrong.map(({ line, fields }) => ({ line, fields: fields.length })));
`;
const ERROR = `/** Every row whose length is not the header's. */
export class RowsError extends Error {
  constructor(rows) {
    super(rows.map(({ line, fields }) => \`line \${line}: \${fields} fields\`).join("\\n"));
    this.rows = rows;
  }
}

`;
const NEW_TEST = `test("every row of another length is told, not only the first", () => {
  assert.throws(() => parse("a,b\\n1\\n1,2\\n1,2,3\\n"), { message: "line 2: 1 fields\\nline 4: 3 fields" });
});
`;

const bash = (command: string) => ({ bash: { command } });
const read = (path: string) => ({ read: { path } });
const edit = (path: string, old: string, text: string) => ({ edit: { path, old, new: text } });

/** Ten turns of a small task, each call run for real: reads, edits, tests that fail once. */
const TURNS = [
  {
    text: "I look at what is there first.",
    calls: [bash("git status --short; ls"), read("src/parse.mjs")],
  },
  { calls: [read("test/parse.test.mjs")] },
  { calls: [{ search: { pattern: "parse\\(" } }, read("src/cli.mjs")] },
  {
    text: "The check throws at the first row; it has to gather them.",
    calls: [edit("src/parse.mjs", OLD, NEW)],
  },
  { calls: [bash("node --test 2>&1 | tail -n 25")] },
  {
    text: "The error's class is missing.",
    calls: [edit("src/parse.mjs", "/** One row", `${ERROR}/** One row`)],
  },
  { calls: [edit("test/parse.test.mjs", 'test("a row of', `${NEW_TEST}\ntest("a row of`)] },
  { calls: [bash("node --test 2>&1 | tail -n 25")] },
  {
    calls: [
      bash(
        "printf 'a,b\\n1\\n1,2,3\\n' > $TMPDIR/x.csv; node src/cli.mjs $TMPDIR/x.csv; grep -n RowsError src/*.mjs",
      ),
    ],
  },
  {
    calls: [
      {
        submit_change: {
          summary: "Rows of another length than the header are all told, in one error.",
        },
      },
    ],
  },
];

const briefOf = (id: string): CoderBrief => ({
  task: {
    ...{ id, title: "Tell every row of another length" },
    description:
      "parse() in src/parse.mjs stops at the first row that has another number of fields than the header. It should read the whole file and throw one error that names every such row.",
    acceptance: [
      "the error names the line and the number of fields of each such row",
      "npm test passes",
    ],
    ...{
      requirements: ["r2"],
      blockedBy: [],
      paths: ["src/parse.mjs", "test/parse.test.mjs"],
      permits: [],
    },
  },
  plan: "A reader of CSV files whose errors say all that is wrong.\n\nOther tasks, each built by somebody else:\n- t9: A table of the columns",
  requirements: [{ id: "r2", text: "What is wrong with a file is told completely." }],
  gates: [{ name: "test", run: "npm test" }],
  protected: [],
  landed: [{ id: "t0", title: "Package with a test command" }],
  workspace: {
    tools:
      "tools: node 24.21.0, npm 11.6.1, git 2.39.5, python3 3.11.2\nlimits: 2048 MB of memory, 2 CPUs\nnetwork: none",
    layout:
      "4 files; (n): files in the folder\nsrc/ (2)\n  cli.mjs\n  parse.mjs\ntest/ (1)\n  parse.test.mjs\npackage.json",
  },
});

/** Of each session what its turns used, on one simulator: the second coder of a run comes after the first. */
export const coderSessions = async (sessions: number): Promise<TokenUsage[][]> => {
  const guidance = await readFile(new URL("../../AGENTS.md", import.meta.url), "utf8");
  await using dir = await tempDir("headrace-tokens-");
  const file = join(dir.path, "script.yaml");
  const attempts = Array.from({ length: sessions }, (_, i) => i + 1);
  const conversations = attempts.map((attempt) => ({
    role: "coder",
    task: "t1",
    attempt,
    turns: TURNS,
  }));
  // JSON is YAML
  await writeFile(file, JSON.stringify({ conversations }));
  await using simulator = await startSimulator({ mode: { kind: "script", file } });
  const client = createModelClient({ baseUrl: simulator.url, apiKey: simulator.apiKey });
  const used: TokenUsage[][] = [];
  for (const attempt of attempts) {
    await using rig = await agentRig({
      definition: AGENTS.coder,
      brief: briefOf(`t${attempt}`),
      script: [],
      client: { complete: (request) => client.complete(withCacheBreakpoints(request)) },
      candidate: { model: MODEL },
      files: FILES,
      guidance: [{ path: "AGENTS.md", folder: "", text: guidance }],
      input: { attempt, handoffs: 3 },
    });
    const run = await rig.run();
    if (run.kind !== "ended" || run.end.end !== "submitted")
      throw new Error(`the session did not submit: ${JSON.stringify(run)}`);
    used.push(rig.records.flatMap((part) => (part.kind === "reply" ? [part.reply.usage] : [])));
  }
  return used;
};
