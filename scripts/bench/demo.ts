import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { sandboxTime } from "./sandbox-time.ts";
import { createHeadrace, run } from "./shell.ts";
import { type Row, seconds } from "./table.ts";

/** `npm run demo` where set-up is done; the data directory of its run is kept in `folder`. */
export const measureDemo = async (
  folder: string,
  signal: AbortSignal,
  boundMs?: number,
): Promise<{ rows: Row[]; data: string }> => {
  const temporary = join(folder, "demo");
  await mkdir(temporary);
  const env = { TMPDIR: temporary, HEADRACE_KEEP_DEMO: "1" };
  const { stdout, ms } = await run("npm", ["run", "demo"], { env, signal, boundMs });
  const kept = /^kept: (?<path>.+)$/m.exec(stdout)?.groups?.path;
  if (kept === undefined) throw new Error("the demo does not say where it was kept");
  const data = join(kept, "data");
  const headrace = createHeadrace(data, signal);
  const [built] = await headrace.runs();
  if (built?.status !== "complete")
    throw new Error(`the demo's run is ${built?.status ?? "missing"}`);
  const inSandboxes = sandboxTime(await headrace.events(built.id));
  const outside = Math.round((1 - inSandboxes / ms) * 100);
  const rows = [
    { what: "npm run demo, second time", figure: seconds(ms), samples: 1, note: "wall time" },
    {
      what: "its share outside sandbox commands",
      figure: `${outside} %`,
      samples: 1,
      note: `a command ran in ${seconds(inSandboxes)} of it`,
    },
  ];
  return { rows, data };
};
