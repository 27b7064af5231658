import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { exportRun, packArchive, Violation } from "@headrace/attest";
import { PRODUCT, UserError } from "@headrace/domain";
import { dataDir } from "../data-dir.ts";
import { openRunRecords } from "../factory/run-records.ts";
import { text, type VerbAction } from "../world.ts";

/** Writes everything by which a run can be judged elsewhere into one file, for its owner's eyes. */
export const exportRecords: VerbAction = async (world, [run = ""], options) => {
  const data = dataDir(text(options, "data"), world.env);
  const path = resolve(world.cwd, text(options, "out") ?? `${run}.tar.gz`);
  await using records = await openRunRecords(data, run);
  const files = await exportRun({ ...records, bundle: records.git.bundle }).catch(unreadable);
  const archive = await packArchive(files);
  await writeFile(path, archive, { mode: 0o600, flag: "wx" }).catch((cause) => {
    if (cause.code !== "EEXIST") throw cause;
    throw new UserError(`${path} is there already`, "Name another file: --out FILE", { cause });
  });
  world.out(`${path}: ${files.size} files, ${archive.length} bytes`);
  world.out(`  sha256 ${createHash("sha256").update(archive).digest("hex")}`);
  world.out(`  It holds the spec, the code and what gates printed.`);
  for (const verb of ["audit", "verify"])
    world.out(`  ${verb} it anywhere: ${PRODUCT} ${verb} ${run} --from FILE`);
  return 0;
};

const unreadable = (error: unknown): never => {
  if (!(error instanceof Violation)) throw error;
  throw new UserError(
    `the run's log cannot be read: ${error.message}`,
    `\`${PRODUCT} audit RUN\` says what is wrong with it.`,
    { cause: error },
  );
};
