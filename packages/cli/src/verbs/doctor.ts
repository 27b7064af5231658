import { dataDir } from "../data-dir.ts";
import { installationFindings } from "../installation-findings.ts";
import { inspect } from "../machine/findings.mjs";
import { flag, text, type VerbAction } from "../world.ts";

/** What this machine has and lacks; 1 when something that is needed is missing. */
export const doctor: VerbAction = async (world, _operands, options) => {
  const { root } = dataDir(text(options, "data"), world.env);
  const machine = await inspect({ env: { ...world.env, HEADRACE_HOME: root } });
  const own = await installationFindings({ env: world.env, dataDir: root });
  // before anything is installed set-up knows of one provider; here all that are configured are told of
  const findings = machine.flatMap((one) => (one.name === "model key" ? own : one));
  if (flag(options, "json")) world.out(JSON.stringify(findings));
  else {
    const width = Math.max(...findings.map((f) => f.name.length));
    for (const { name, state, detail, remedy } of findings) {
      world.out(`${state.padEnd(8)} ${name.padEnd(width)}  ${detail}`);
      if (remedy !== undefined)
        world.out(
          `${" ".repeat(width + 11)}${remedy.replaceAll("\n", `\n${" ".repeat(width + 11)}`)}`,
        );
    }
  }
  return findings.some((f) => f.state === "missing") ? 1 : 0;
};
