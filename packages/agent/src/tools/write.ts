import { z } from "zod";
import { defineTool } from "../tool.ts";
import { writeText } from "./files.ts";

export const write = defineTool({
  name: "write",
  description:
    "Writes a file of the workspace, making its folders and replacing what was there. Use edit to change part of a file.",
  input: z.object({ path: z.string().min(1).max(4096), content: z.string().max(1_000_000) }),
  mutates: true,
  detail: ({ path }) => path,
  run: async ({ path, content }, { sandbox }) => {
    const bytes = await writeText(sandbox, path, content);
    return { text: `wrote ${bytes} bytes to ${path}`, ok: true };
  },
});
