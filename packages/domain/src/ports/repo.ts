/** One entry of a tree, recursively listed; `path` is `/`-separated. */
export type TreeEntry = {
  mode: "100644" | "100755" | "120000" | "160000";
  object: string;
  path: string;
};

export type MergeAnswer =
  | { outcome: "clean"; tree: string }
  | { outcome: "conflict"; tree: string; files: string[] };

/**
 * How a tree is to differ: by a unified diff; by files of it that hold other bytes and keep their modes; or by having at
 * these paths what the commit `from` has there, be it nothing.
 */
export type Alteration =
  | { patch: string }
  | { files: ReadonlyMap<string, Uint8Array> }
  | { from: string; paths: readonly string[] };
export type AlteredTree =
  | { outcome: "altered"; tree: string }
  | { outcome: "unfit"; reason: string };

export type CommitSpec = {
  tree: string;
  parents: readonly string[];
  message: string;
  /** committer and author date */
  at: Date;
};

/** `landed` claims to be `before` with `change` in it; `except` names files a resolution wrote. */
export type LandingProof = {
  before: string;
  change: string;
  landed: string;
  except?: readonly string[];
};

export type DiffStat = { path: string; added: number | null; removed: number | null };

/**
 * Lines that stand in one commit and not in the other, each with the name of its file, as often as they occur. What has
 * no lines to tell (a binary file, an empty one, a mode) counts as one line of its file.
 */
export type LineChanges = { added: readonly string[]; removed: readonly string[] };

/**
 * A bare repository the factory owns. Packs hold one commit and what it reaches, less what the receiver has;
 * parents of a submitted base are a shallow boundary. All writes are durable when they resolve
 * (objects before refs, reliability.md §1.5).
 */
export interface FactoryRepo {
  /**
   * Takes a pack in through quarantine and fsck, requires that it holds (or the repository already has) all that
   * `commit` reaches, and refuses hostile trees with `HostileTreeError`. `boundary`: the commit's parents stay absent.
   */
  putPack(pack: Uint8Array, commit: string, options?: { boundary?: boolean }): Promise<void>;
  /** A pack of `commit` and everything it reaches that commits in `have` do not; no ref travels. */
  getPack(commit: string, have: readonly string[]): Promise<Uint8Array>;
  has(commit: string): Promise<boolean>;
  treeOf(commit: string): Promise<string>;
  parentsOf(commit: string): Promise<string[]>;
  list(commit: string): Promise<TreeEntry[]>;
  /** A file's bytes; undefined where the path is not a regular file of the commit. */
  read(commit: string, path: string): Promise<Uint8Array | undefined>;
  /** An uncompressed tar of the commit's tree with attributes ignored, every entry owned by `uid`. */
  tar(commit: string, options: { uid: number; prefix?: string }): Promise<Uint8Array>;
  commit(spec: CommitSpec): Promise<string>;
  /** A tree like that of `commit` but for the alteration; a diff that does not apply is answered. No ref moves. */
  alter(commit: string, alteration: Alteration): Promise<AlteredTree>;
  /** Merges two commits with no work tree, hooks, drivers or attributes. */
  merge(ours: string, theirs: string): Promise<MergeAnswer>;
  /** Where two commits parted; undefined where that is nowhere, or not one place. */
  mergeBase(a: string, b: string): Promise<string | undefined>;
  /** Paths in which a landing is shown by objects alone not to hold its change, or what stood before; none: proven. */
  unproven(proof: LandingProof): Promise<string[]>;
  /** Of all files, or of these. */
  diff(
    from: string,
    to: string,
    maxBytes: number,
    paths?: readonly string[],
  ): Promise<{ text: string; truncated: boolean }>;
  diffStat(from: string, to: string): Promise<DiffStat[]>;
  /** Bounded: of a diff of more than 32 MiB or 500,000 lines the first part. */
  lineChanges(from: string, to: string): Promise<LineChanges>;
  readRef(ref: string): Promise<string | undefined>;
  /** Moves a ref by compare-and-swap; `expected` undefined creates it. Throws `RefMovedError`. */
  moveRef(ref: string, to: string, expected: string | undefined): Promise<void>;
  /** First-parent history from `ref` back to, not including, `until`; newest first. */
  landings(
    ref: string,
    until: string,
  ): Promise<Array<{ commit: string; message: string; parents: string[] }>>;
}

/** What a client reads of the user's repository before a run; nothing in it is executed. */
export type SourceState = {
  path: string;
  name: string;
  bare: boolean;
  head: string;
  branch?: string;
  shallow: boolean;
  dirty: boolean;
  /** `rebase`, `merge`, ... in progress */
  operation?: string;
};

export type RefExport = { ref: string; to: string; expected: string | undefined };
export type ExportAnswer = { ref: string; ok: boolean; reason?: string };

/** The user's repository, read with its configuration, hooks, filters and drivers disarmed. */
export interface SourceRepo {
  /** Throws `UserError` where it is no repository, has no commit, or has a branch named like the product. */
  inspect(): Promise<SourceState>;
  resolve(revision: string): Promise<string>;
  list(commit: string): Promise<TreeEntry[]>;
  read(commit: string, path: string): Promise<Uint8Array | undefined>;
  /** Every regular file of at most `maxBytes`, each content once under its first path, in order of the tree. */
  files(commit: string, maxBytes: number): AsyncIterable<{ path: string; bytes: Uint8Array }>;
  /** A pack of one commit without its history. */
  pack(commit: string): Promise<Uint8Array>;
  readRef(ref: string): Promise<string | undefined>;
  /** Brings a pack in and moves refs one by one by compare-and-swap; a moved ref is answered, not forced. */
  export(pack: Uint8Array, refs: readonly RefExport[]): Promise<ExportAnswer[]>;
}
