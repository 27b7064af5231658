import { COMMITTER } from "@headrace/domain";
import { gitAt, type Place } from "./git.ts";

/** The person's configured name and email for a commit of theirs; the factory's where they have none. */
export const personalIdentity = async (place: Place): Promise<Record<string, string>> => {
  const git = gitAt({ ...place, profile: "user" });
  const get = async (key: string): Promise<string> => {
    const { stdout } = await git.run(["config", "--get", key], { ok: [0, 1] });
    return stdout.toString("utf8").trim();
  };
  const [name, email] = await Promise.all([get("user.name"), get("user.email")]);
  const who = name !== "" && email !== "" ? { name, email } : COMMITTER;
  return {
    GIT_AUTHOR_NAME: who.name,
    GIT_AUTHOR_EMAIL: who.email,
    GIT_COMMITTER_NAME: who.name,
    GIT_COMMITTER_EMAIL: who.email,
  };
};
