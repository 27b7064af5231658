import { join, resolve } from "node:path";
import { PRODUCT, plainLine } from "@headrace/domain";
import { readConfig, setupFilesAt, treeAt } from "@headrace/intake";
import { openFactoryRepo, openSourceRepo } from "@headrace/repo";
import { createClock } from "@headrace/store";
import { checkRepository, isFit, refuseUnfitCanaries, renderCheck } from "@headrace/verify";
import { dataDir, installationId, makeDataDir } from "../data-dir.ts";
import { beginCheck } from "../factory/checks.ts";
import { knownImages } from "../factory/engine.ts";
import { openSandboxes } from "../factory/sandboxes.ts";
import { refuseSecrets } from "../secret-scan.ts";
import { policyAt } from "../submission.ts";
import { readInstallation, userConfigFile } from "../user-config.ts";
import { aboutBase, aboutGiven, aboutPolicy, noGatesLines } from "../view/policy-lines.ts";
import { flag, text, type VerbAction } from "../world.ts";

/** Builds the environment of HEAD and runs every gate twice; no model is asked and no factory is started. */
export const check: VerbAction = async (world, _operands, options) => {
  const json = flag(options, "json");
  const say = json ? () => undefined : world.out;
  const source = await openSourceRepo({ path: resolve(world.cwd, text(options, "repo") ?? ".") });
  const { head, path, bare } = await source.inspect();
  const data = dataDir(text(options, "data"), world.env);
  await makeDataDir(data);
  const installation = await readInstallation({ env: world.env, dataDir: data.root });
  const allowRepoConfig = flag(options, "allowRepoConfig");
  const { policy, notes } = await policyAt(
    {
      ...{ repo: source, path, bare, base: head, data, installation, allowRepoConfig },
      knownImages: knownImages(world.env),
    },
    { gates: undefined, setup: undefined, protected: undefined },
  );
  say(`checking ${head.slice(0, 12)} of ${path}`);
  const secrets = await refuseSecrets({ repo: source, base: head }, true);
  for (const note of [...notes, ...secrets]) say(`  note: ${note}`);
  for (const line of aboutPolicy(policy)) say(`  ${plainLine(line)}`);
  const registries = installation.config.registries.map(
    ({ name, kind, url, scopes, credential }) => ({
      name,
      kind,
      url,
      scopes,
      credential,
    }),
  );
  for (const { name, url, credential } of registries)
    say(`  registry ${name}: ${url}${credential === undefined ? "" : ` with ${credential}`}`);
  const clock = createClock();
  const owner = await installationId(data, () => clock.id());
  const place = { installation, data, env: world.env, onWarning: world.err };
  await using closing = new AsyncDisposableStack();
  const { identity, folder } = await beginCheck({ ...place, owner }, closing);
  const { sandboxes, engine } = await openSandboxes({ ...place, identity }, closing);
  // without an engine there are no images
  if (engine !== undefined) for (const line of aboutBase(policy)) say(`  ${line}`);
  const given = await sandboxes.affordable(policy);
  say(`  ${aboutGiven(given, policy)}`);
  const repo = closing.use(await openFactoryRepo({ dir: join(folder, "trees.git") }));
  // like any other pack, it is checked on its way in
  await repo.putPack(await source.pack(head), head, { boundary: true });
  await refuseUnfitCanaries({ repo, commit: head }, policy.gates);
  const result = await checkRepository({
    sandboxes,
    policy,
    files: await setupFilesAt(treeAt(source, head), policy.dockerfile),
    ground: { repo, commit: head },
    labels: { run: `${PRODUCT}-check`, step: "check" },
    onLine: (line) => say(`  ${plainLine(line)}`),
    onRow: (row) => say(`  gate ${row.gate}: ${row.verdict} (${row.reason})`),
    signal: world.interrupt,
  });
  world.out(
    json
      ? JSON.stringify({ commit: head, policy, registries, notes, secrets, given, ...result })
      : renderCheck(result, {
          sandbox: (await readConfig(treeAt(source, head))).sandbox,
          userConfig: userConfigFile(data.root),
        }),
  );
  if (policy.gates.length === 0) for (const line of noGatesLines()) say(line);
  if (secrets.length > 0)
    say("a run would be refused: secrets (see above), unless with --allow-secrets");
  return isFit(result) && secrets.length === 0 ? 0 : 1;
};
