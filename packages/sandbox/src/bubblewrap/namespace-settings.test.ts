import { expect, it } from "vitest";
import { type NamespaceSettings, namespaceRemedy } from "./namespace-settings.ts";

const OPEN: NamespaceSettings = {
  "kernel/apparmor_restrict_unprivileged_userns": "0",
  "kernel/unprivileged_userns_clone": "1",
  "user/max_user_namespaces": "95944",
};

it.each<[string, NamespaceSettings, RegExp]>([
  [
    "Ubuntu's AppArmor is told to let bwrap alone through",
    { ...OPEN, "kernel/apparmor_restrict_unprivileged_userns": "1" },
    /profile bwrap \/usr\/bin\/bwrap flags=\(unconfined\) \{\n {2}userns,[\s\S]*apparmor_parser -r \/etc\/apparmor\.d\/bwrap$/,
  ],
  [
    "an older Debian is told to give them to ordinary users",
    { ...OPEN, "kernel/unprivileged_userns_clone": "0" },
    /sudo sysctl -w kernel\.unprivileged_userns_clone=1$/,
  ],
  [
    "a kernel that gives none is told to give some",
    { ...OPEN, "user/max_user_namespaces": "0" },
    /sudo sysctl -w user\.max_user_namespaces=\d+$/,
  ],
  [
    "AppArmor is named first where more than one setting stands in the way",
    {
      "kernel/apparmor_restrict_unprivileged_userns": "1",
      "kernel/unprivileged_userns_clone": "0",
      "user/max_user_namespaces": "0",
    },
    /AppArmor/,
  ],
])("%s", (_, settings, remedy) => {
  expect(namespaceRemedy(settings)).toMatch(remedy);
});

it.each<[string, NamespaceSettings]>([
  ["open", OPEN],
  ["unknown to the kernel", {}],
])("settings that are %s are not what stands in the way", (_, settings) => {
  expect(namespaceRemedy(settings)).toBeUndefined();
});
