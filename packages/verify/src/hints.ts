import { plainText } from "@headrace/domain";

const NO_NETWORK =
  /\b(?:EAI_AGAIN|ENOTFOUND|getaddrinfo|could not resolve host|name resolution)\b/i;
const MISSING = /([\w.+-]{1,64}): (?:command )?not found\s*$/m;

/** What a person may do about a failure whose usual cause its output shows; for people only, no verdict. */
export const failureHint = (
  phase: "setup" | "gate",
  { exitCode, output }: { exitCode: number | null; output: string },
): string | undefined => {
  const text = plainText(output);
  const missing = exitCode === 127 ? MISSING.exec(text)?.[1] : undefined;
  if (missing !== undefined)
    return phase === "gate"
      ? `\`${missing}\` is not there: install it in \`setup\`, or name an image that has it: \`sandbox.image\``
      : `\`${missing}\` is not in the image: name one that has it (\`sandbox.image\`), or install it earlier in \`setup\``;
  if (phase === "gate" && NO_NETWORK.test(text))
    return "gates have no network: install in `setup` what they need";
  return undefined;
};
