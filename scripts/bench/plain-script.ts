import {
  type ModelReply,
  type Policy,
  type RecordPart,
  RequirementClaim,
  type StoredEvent,
  toolUses,
} from "../../packages/domain/src/index.ts";

/** What a finished run did, as its store tells it. */
export type Recorded = {
  events: readonly StoredEvent[];
  /** the parts of each agent's step */
  records: ReadonlyMap<string, readonly RecordPart[]>;
  policy: Policy;
  /** task -> tasks that must have landed before */
  blockers: ReadonlyMap<string, readonly string[]>;
  image: string;
};

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** What each kind of command costs a person with docker and git, and nothing of ours. */
const PRELUDE = `set -eu
limits="--network none --user 10001:10001 --workdir /workspace --cap-drop ALL --security-opt no-new-privileges"
agent() { c=$(docker create --interactive $limits "$image" sleep 3600); docker start "$c" >/dev/null
  git archive "$1" | docker exec --interactive "$c" tar -x; }
bash_() { docker exec "$c" bash -c "$1" >/dev/null 2>&1 || :; }
read_() { docker exec "$c" cat "$1" >/dev/null || :; }
search_() { docker exec "$c" grep -rnIE -e "$1" "\${2:-.}" >/dev/null || :; }
write_() { printf %s "$2" | docker exec --interactive "$c" sh -c 'mkdir -p "$(dirname "$1")"; cat > "$1"' sh "$1"; }
edit_() { docker exec "$c" python3 -c 'import sys; p, old, new = sys.argv[1:]; s = open(p).read(); open(p, "w").write(s.replace(old, new, 1))' "$1" "$2" "$3" || :; }
keep() { mkdir "$work/$c"; docker cp "$c:/workspace/." "$work/$c" >/dev/null
  GIT_INDEX_FILE="$work/$c.index" git --work-tree="$work/$c" add --all
  git commit-tree "$(GIT_INDEX_FILE="$work/$c.index" git write-tree)" -p "$1" -m change >/dev/null; }
leave() { docker rm --force "$c" >/dev/null; }
gate() { g=$(docker create $limits "$image" sh -c "$2"); git archive "$1" | docker cp - "$g:/workspace"
  docker start --attach "$g" >/dev/null 2>&1 || :; docker rm "$g" >/dev/null; }
merge() { git merge-tree --write-tree "$1" "$2" >/dev/null; }
land() { git update-ref refs/heads/plain "$(git commit-tree "$1^{tree}" -p "$1" -m landing)"; }
wait_for() { while [ ! -e "$work/landed-$1" ]; do sleep 0.01; done; }
`;

/**
 * A shell script that runs the containers, commands and merges of a recorded run in the same order and as parallel
 * as the plan allows, on a copy of its repository: `image`, `work` and `GIT_DIR` come from the environment.
 */
export const plainScript = (run: Recorded): string => {
  const chains = new Map<string, string[]>();
  const before: string[] = [];
  const after: string[] = [];
  for (const event of run.events) {
    const task = event.task;
    const anyTask = chains.size > 0;
    const chain = task === undefined ? (anyTask ? after : before) : (chains.get(task) ?? []);
    if (task !== undefined) chains.set(task, chain);
    chain.push(...linesOf(run, event));
  }
  const tasks = [...chains].map(([task, lines]) => {
    const waits = (run.blockers.get(task) ?? []).map((blocker) => `  wait_for ${blocker}`);
    const body = [
      ...waits,
      ...inPairs(lines).map((line) => `  ${line}`),
      `  touch "$work/landed-${task}"`,
    ];
    return `(\n${body.join("\n")}\n) &`;
  });
  return [PRELUDE, ...inPairs(before), ...tasks, "wait", ...inPairs(after), ""].join("\n");
};

/** Gates that follow each other run two at a time, as the factory's do. */
const inPairs = (lines: readonly string[]): string[] => {
  const paired: string[] = [];
  for (const line of lines) {
    const before = paired.at(-1) ?? "";
    if (line.startsWith("gate ") && before.startsWith("gate ") && !before.endsWith("wait"))
      paired.splice(-1, 1, `${before} & ${line} & wait`);
    else paired.push(line);
  }
  return paired;
};

const linesOf = (run: Recorded, event: StoredEvent): string[] => {
  switch (event.type) {
    case "step.requested":
      return requested(run, event.step, event.input);
    case "gate.finished": {
      const gate = run.policy.gates.find(({ name }) => name === event.result.gate);
      return gate === undefined ? [] : [`gate ${event.commit} ${quote(gate.run)}`];
    }
    case "merge.started":
      return [`merge ${event.tip} ${event.change}`];
    case "merge.landed":
      return [`land ${event.commit}`];
    default:
      return [];
  }
};

type Input = Extract<StoredEvent, { type: "step.requested" }>["input"];

const requested = (run: Recorded, step: string, input: Input): string[] => {
  if (input.kind === "evidence")
    return input.claims.flatMap((claim) => evidence(input.commit, claim));
  if (input.kind !== "agent") return [];
  const replies = (run.records.get(step) ?? []).flatMap((part) =>
    part.kind === "reply" ? [part.reply] : [],
  );
  const calls = replies.flatMap(callsOf);
  const kept = input.role === "coder" || input.role === "merger" ? [`keep ${input.commit}`] : [];
  return [`agent ${input.commit}`, ...calls, ...kept, "leave"];
};

const callsOf = (reply: ModelReply): string[] =>
  toolUses(reply).flatMap(({ name, input }) => {
    const {
      command,
      path,
      content,
      old,
      new: replacement,
      pattern,
    } = Object(input) as Readonly<Record<string, string>>;
    switch (name) {
      case "bash":
        return [`bash_ ${quote(command ?? "")}`];
      case "read":
        return [`read_ ${quote(path ?? "")}`];
      case "search":
        return [`search_ ${quote(pattern ?? "")} ${quote(path ?? ".")}`];
      case "write":
        return [`write_ ${quote(path ?? "")} ${quote(content ?? "")}`];
      case "edit":
        return [`edit_ ${quote(path ?? "")} ${quote(old ?? "")} ${quote(replacement ?? "")}`];
      default:
        return [];
    }
  });

const evidence = (commit: string, claim: unknown): string[] =>
  RequirementClaim.parse(claim).evidence.flatMap((named) =>
    named.kind === "command" ? [`gate ${commit} ${quote(named.run)}`] : [],
  );
