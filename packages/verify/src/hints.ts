import { plainText } from "@headrace/domain";

const NO_NETWORK =
  /\b(?:EAI_AGAIN|ENOTFOUND|getaddrinfo|could not resolve host|name resolution)\b/i;
/** What apt and dpkg say to who is not root. */
const NOT_ROOT =
  /\b(?:apt|dpkg)\b[^\n]{0,300}(?:permission denied|are you root|superuser privilege)/i;
const MISSING = /([\w.+-]{1,64}): (?:command )?not found\s*$/m;

const IMAGE =
  "name an image that has what is needed (`sandbox.image`), or a Dockerfile that installs it (`sandbox.dockerfile`)";

/** What a person may do about a failure whose usual cause its output shows; for people only, no verdict. */
export const failureHint = (
  phase: "setup" | "gate",
  { exitCode, output }: { exitCode: number | null; output: string },
): string | undefined => {
  const text = plainText(output);
  if (NOT_ROOT.test(text)) return `nothing here is root, so apt installs nothing: ${IMAGE}`;
  const missing = exitCode === 127 ? MISSING.exec(text)?.[1] : undefined;
  if (missing !== undefined)
    return phase === "gate"
      ? `\`${missing}\` is not there. If it is a package of the repository's manifests, install it in \`setup\`; else ${IMAGE}`
      : `\`${missing}\` is not in the image, and set-up is not root: ${IMAGE}`;
  if (phase === "gate" && NO_NETWORK.test(text))
    return "gates have no network: install in `setup` what they need";
  return undefined;
};
