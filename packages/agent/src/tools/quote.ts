/** One word of a shell command line. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
