import { lintSource } from "@secretlint/core";
import { creator } from "@secretlint/secretlint-rule-preset-recommend";

/** Where a secret stands and what kind it is; its value is never kept. */
export type SecretFinding = { file: string; line: number; kind: string };

/** A file with more is data; scanning it line by line would cost more than it finds. */
const MAX_CHARS = 1024 * 1024;

const CONFIG = {
  rules: [{ id: "@secretlint/secretlint-rule-preset-recommend", rule: creator, options: {} }],
};

/** Passwords of servers that only answer on the developer's own machine are in every other repository. */
const LOCAL_HOST =
  /@(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0|host\.docker\.internal|[\w-]+|(?:[\w-]+\.)*(?:example|test|invalid|localhost)(?:\.(?:com|org|net))?)(?=[:/?#"'\s]|$)/i;
/** What documentation puts where a value belongs. */
const PLACEHOLDER = /\$\{|\{\{|<[\w -]+>|x{6,}|\*{3,}|your[-_ ]|changeme|placeholder|redacted/i;

const CONNECTION_RULES = /basicauth|database-connection-string/;

/**
 * Secrets in one text, by the rules of secretlint's recommended preset. Connection strings to the developer's own
 * machine and placeholders are no findings.
 */
export const findSecrets = async (file: string, text: string): Promise<SecretFinding[]> => {
  if (text.length > MAX_CHARS || text.includes("\0")) return [];
  const { messages } = await lintSource({
    source: { filePath: file, content: text, contentType: "text", ext: "" },
    options: { config: CONFIG, noPhysicFilePath: true },
  });
  return messages.flatMap((message) => {
    const [start, end] = message.range;
    const found = text.slice(start, end);
    if (PLACEHOLDER.test(found)) return [];
    if (CONNECTION_RULES.test(message.ruleId) && LOCAL_HOST.test(found)) return [];
    const kind = message.ruleId.replace(/^.*secretlint-rule-/, "");
    return [{ file, line: message.loc.start.line, kind }];
  });
};
