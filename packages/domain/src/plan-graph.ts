/** What the graph of a plan needs of a task. */
export type Node = { id: string; blockedBy: readonly string[] };

/** One cycle as a path that ends where it starts; undefined in an acyclic graph. Unknown blockers are ignored. */
export const findCycle = (nodes: readonly Node[]): string[] | undefined => {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const done = new Set<string>();
  const walk = (id: string, path: string[]): string[] | undefined => {
    if (path.includes(id)) return [...path.slice(path.indexOf(id)), id];
    if (done.has(id)) return undefined;
    for (const blocker of byId.get(id)?.blockedBy ?? []) {
      const cycle = byId.has(blocker) ? walk(blocker, [...path, id]) : undefined;
      if (cycle !== undefined) return cycle;
    }
    done.add(id);
    return undefined;
  };
  for (const node of nodes) {
    const cycle = walk(node.id, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
};

/** `start` and every node that any of them blocks or is blocked by, as `edges` says, transitively. */
export const reach = (
  start: Iterable<string>,
  edges: (id: string) => readonly string[],
): Set<string> => {
  const reached = new Set<string>();
  const todo = [...start];
  for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
    if (reached.has(id)) continue;
    reached.add(id);
    todo.push(...edges(id));
  }
  return reached;
};

/** Tasks in waves: each wave waits only for earlier ones. The graph must be acyclic. */
export const waves = (nodes: readonly Node[]): string[][] => {
  const result: string[][] = [];
  const placed = new Set<string>();
  const known = new Set(nodes.map((node) => node.id));
  let rest = nodes;
  while (rest.length > 0) {
    const wave = rest.filter((node) =>
      node.blockedBy.every((id) => !known.has(id) || placed.has(id)),
    );
    if (wave.length === 0) throw new Error("waves of a cyclic graph");
    for (const node of wave) placed.add(node.id);
    result.push(wave.map((node) => node.id));
    rest = rest.filter((node) => !placed.has(node.id));
  }
  return result;
};

/** Number of tasks on the longest chain that starts at each task and follows what it blocks. */
export const chainLengths = (nodes: readonly Node[]): Map<string, number> => {
  const lengths = new Map<string, number>(nodes.map((node) => [node.id, 1]));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const wave of waves(nodes).reverse())
    for (const id of wave)
      for (const blocker of byId.get(id)?.blockedBy ?? []) {
        const length = lengths.get(blocker);
        if (length !== undefined)
          lengths.set(blocker, Math.max(length, 1 + (lengths.get(id) ?? 1)));
      }
  return lengths;
};
