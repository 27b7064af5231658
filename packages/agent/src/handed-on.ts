import type { HandedOn } from "@headrace/domain";
import { fence } from "./fence.ts";

/** What the next conversation of a job is told of the one before: model output and file names, so all of it fenced. */
export const handedOnText = (handoff: HandedOn): string => {
  const { why, told, changed, unsaved } = handoff;
  return [
    "## Handed on to you",
    `You go on with this job: the conversation before this one ended because ${why}. Work that it saved is in the workspace. Do not do it again; go on with what is open.`,
    ...(told === undefined ? [] : [TOLD, ...SECTIONS.flatMap((name) => section(name, told[name]))]),
    "What the factory has on record:",
    fence("record", recordOf(handoff)),
    ...(changed.length === 0 ? [] : [fence("changed-files", changed.join("\n"))]),
    ...(unsaved === undefined ? [] : [UNSAVED, fence("record", unsaved.join("\n"))]),
  ].join("\n\n");
};

const TOLD = "What its model left in writing; look at the files before you rely on it:";
const UNSAVED = "The newest state of its workspace could not be saved and is lost:";

const SECTIONS = ["goal", "done", "evidence", "problems", "files"] as const;

const section = (name: string, text: string | undefined): string[] =>
  text === undefined ? [] : [fence("handoff", text, { section: name })];

const recordOf = ({ edited, read, commands }: HandedOn): string =>
  [
    ...(edited.length === 0 ? [] : [`edited: ${edited.join(", ")}`]),
    ...(read.length === 0 ? [] : [`read: ${read.join(", ")}`]),
    ...commands.map(
      ({ command, ok, output }) => `$ ${command}\n[${ok ? "succeeded" : "failed"}]\n${output}`,
    ),
  ].join("\n") || "no file was read or edited, and no command was run";
