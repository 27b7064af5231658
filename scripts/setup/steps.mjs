// @ts-check
// How set-up speaks: one line a step with what it found or did and how long it took, details indented above it.

/**
 * @param {string} name
 * @param {(say: (line: string) => void) => Promise<string>} work returns what to print when it is done
 */
export const step = async (name, work) => {
  const start = performance.now();
  const result = await work((line) => console.log(`  ${name.padEnd(11)} … ${line}`));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`  ${name.padEnd(11)} ${result}  (${seconds} s)`);
};

/** @param {string} text */
export const indent = (text) => text.replace(/^/gm, "    ");
