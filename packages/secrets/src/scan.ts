import { lintSource } from "@secretlint/core";
import { creator } from "@secretlint/secretlint-rule-preset-recommend";
import { MORE_FORMS } from "./forms.ts";

/** Where a secret stands and what kind it is; its value is never kept. */
export type SecretFinding = { file: string; line: number; kind: string };

const CONFIG = {
  rules: [{ id: "@secretlint/secretlint-rule-preset-recommend", rule: creator, options: {} }],
};

/** Passwords of servers that only answer on the developer's own machine are in every other repository. */
const LOCAL_HOST =
  /@(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0|host\.docker\.internal|db|database|postgres(?:ql)?|pg|mysql|mariadb|mongo(?:db)?|redis|rabbitmq|(?:[\w-]+\.)*(?:example(?:\.(?:com|org|net))?|test|invalid|localhost))(?=[:/?#"'\s]|$)/i;
/** What documentation puts where a value belongs. */
const PLACEHOLDER =
  /\$\{|\{\{|<[\w -]+>|x{6,}|\*{3,}|\byour[-_ ](?:api|access|secret|token|key|password|user)|changeme|placeholder|redacted/i;

const CONNECTION_RULES = /basicauth|database-connection-string/;

/**
 * UTF-16 with its mark as what it says, everything else as UTF-8; a NUL is a blank. A comment in a file must not
 * decide whether the file is looked at.
 */
const decoded = (bytes: Uint8Array): string => {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe
      ? "utf-16le"
      : first === 0xfe && second === 0xff
        ? "utf-16be"
        : "utf-8";
  return new TextDecoder(encoding)
    .decode(bytes)
    .replaceAll("\0", " ")
    .replaceAll("secretlint-disable", "secretlint_disable");
};

/**
 * Secrets in one file, by the rules of secretlint's recommended preset and a few forms it lacks. Connection strings
 * to the developer's own machine and placeholders are no findings.
 */
export const findSecrets = async (file: string, bytes: Uint8Array): Promise<SecretFinding[]> => {
  const text = decoded(bytes);
  const { messages } = await lintSource({
    source: { filePath: file, content: text, contentType: "text", ext: "" },
    options: { config: CONFIG, noPhysicFilePath: true },
  });
  const known = messages.flatMap(({ range, ruleId, loc }) => {
    const found = text.slice(...range);
    if (PLACEHOLDER.test(found)) return [];
    if (CONNECTION_RULES.test(ruleId) && LOCAL_HOST.test(found)) return [];
    return [{ file, line: loc.start.line, kind: ruleId.replace(/^.*secretlint-rule-/, "") }];
  });
  const more = MORE_FORMS.flatMap(({ kind, form }) => {
    const lineAt = linesOf(text);
    return [...text.matchAll(form)]
      .filter(([found]) => !PLACEHOLDER.test(found))
      .map(({ index }) => ({ file, line: lineAt(index), kind }));
  });
  const lines = new Set(known.map(({ line }) => line));
  return [...known, ...more.filter(({ line }) => !lines.has(line))];
};

/** Answers the line of each offset; they only rise, so that the text is read once for all of them. */
const linesOf = (text: string) => {
  let line = 1;
  let end = text.indexOf("\n");
  return (offset: number): number => {
    for (; end !== -1 && end < offset; end = text.indexOf("\n", end + 1)) line += 1;
    return line;
  };
};
