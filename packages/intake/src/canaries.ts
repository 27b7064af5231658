import { CanaryRequest, UserError } from "@headrace/domain";
import type { RequestedGate, WrittenGate } from "./fields.ts";
import { decodeText } from "./text.ts";
import { filesOf, type Tree } from "./tree.ts";

/** Gates whose canaries hold the text of the patches that they name, as it is at the tree's commit. */
export const withCanaries = async (
  tree: Tree,
  gates: readonly WrittenGate[] | undefined,
): Promise<RequestedGate[] | undefined> =>
  gates &&
  Promise.all(
    gates.map(async ({ canary, ...gate }): Promise<RequestedGate> => {
      if (canary === undefined) return gate;
      if (canary === "off" || "patch" in canary) return { ...gate, canary };
      return { ...gate, canary: await patchAt(tree, gate.name, canary.file) };
    }),
  );

const patchAt = async (tree: Tree, gate: string, path: string): Promise<CanaryRequest> => {
  const bytes = (await filesOf(tree)).includes(path) ? await tree.read(path) : undefined;
  if (bytes === undefined)
    throw new UserError(
      `gate ${gate}: canary: there is no file ${path} in this commit`,
      "Correct the path, or commit the file.",
    );
  const parsed = CanaryRequest.safeParse({ patch: decodeText(path, bytes) });
  if (parsed.success) return parsed.data;
  const problem = bytes.byteLength === 0 ? "is empty" : "is larger than 64 KiB";
  throw new UserError(`gate ${gate}: canary: ${path} ${problem}`, "One broken line is enough.");
};
