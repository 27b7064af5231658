import { readFile } from "node:fs/promises";

const NAMES = [
  "kernel/apparmor_restrict_unprivileged_userns",
  "kernel/unprivileged_userns_clone",
  "user/max_user_namespaces",
] as const;

/** The kernel's own settings of who may make namespaces; a kernel lacks those it does not know. */
export type NamespaceSettings = Readonly<Partial<Record<(typeof NAMES)[number], string>>>;

export const namespaceSettings = async (): Promise<NamespaceSettings> => {
  const read = NAMES.map(async (name) => {
    const text = await readFile(`/proc/sys/${name}`, "utf8").catch(() => undefined);
    return text === undefined ? [] : [[name, text.trim()]];
  });
  return Object.fromEntries((await Promise.all(read)).flat());
};

/** What to do where these keep an ordinary user from making the namespaces that bwrap needs; else undefined. */
export const namespaceRemedy = (settings: NamespaceSettings): string | undefined => {
  if (settings["kernel/apparmor_restrict_unprivileged_userns"] === "1") return APPARMOR;
  if (settings["kernel/unprivileged_userns_clone"] === "0") {
    return "the kernel refuses user namespaces to ordinary users: sudo sysctl -w kernel.unprivileged_userns_clone=1";
  }
  if (settings["user/max_user_namespaces"] === "0") {
    return "the kernel gives no user namespaces at all: sudo sysctl -w user.max_user_namespaces=10000";
  }
  return undefined;
};

/** Ubuntu 24.04 and later: one program is allowed, the restriction stays for every other. */
const APPARMOR = `AppArmor keeps programs without a profile from making user namespaces (Ubuntu 24.04 and later).
Allow it to bwrap alone, and leave the restriction on for all else:
  sudo tee /etc/apparmor.d/bwrap >/dev/null <<'PROFILE'
abi <abi/4.0>,
include <tunables/global>

profile bwrap /usr/bin/bwrap flags=(unconfined) {
  userns,
  include if exists <local/bwrap>
}
PROFILE
  sudo apparmor_parser -r /etc/apparmor.d/bwrap`;
