import { detect } from "./detect.ts";
import { treeOf } from "./tree-fixture.ts";

const BASE = { node: "24.21.0", npm: "11.21.2", python: "3.11.2" };

/** What is detected in these files, gates as lines; `base` null: an image is named. */
export const found = async (
  files: Record<string, string | object>,
  base: typeof BASE | null = BASE,
) => {
  const texts = Object.entries(files).map(([path, content]) => [
    path,
    typeof content === "string" ? content : JSON.stringify(content),
  ]);
  const { gates, ...rest } = await detect(treeOf(Object.fromEntries(texts)), base ?? undefined);
  return { gates: gates.map((gate) => `${gate.name}: ${gate.run}`), ...rest };
};
