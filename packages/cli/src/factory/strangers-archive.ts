import { type Policy, UserError } from "@headrace/domain";
import type { Installation } from "../user-config.ts";

/** What a policy opens beyond the default, which its run's own person has allowed. */
const opened = ({ image, dockerfile, services, network }: Policy): string[] => [
  ...(dockerfile === undefined ? [] : [`${dockerfile} is built with the engine's network`]),
  ...[...(image === undefined ? [] : [image]), ...services.map((one) => one.image)].map(
    (one) => `${one} is used as an image`,
  ),
  ...network.setup.map((host) => `set-up may reach ${host}`),
];

/**
 * The installation as it is lent to an archive whose signer nobody here has named: the public registries and no more.
 * Throws `UserError` where its policy asks for more.
 */
export const lentToStranger = (
  installation: Installation,
  { policy, key }: { policy: Policy; key: string },
): Installation => {
  const asks = opened(policy);
  if (asks.length === 0) return { ...installation, registries: [] };
  throw new UserError(
    [
      `the archive is signed by ${key}, which is not this installation's key, and its policy opens more than the default:`,
      ...asks,
    ].join("\n    "),
    "If you know whose archive it is and trust them, name their public key: --key FILE",
  );
};
