const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/**
 * FNV-1a, to [0, 1). An asking's id is random, so its hash spreads askings as a random number would, and comes out the
 * same each time the same question is put.
 */
const spread = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash / 2 ** 32;
};

/** Pause after an asking's `failures`th failure with a candidate (from 1), in milliseconds: doubling, its upper half spread. */
export const pauseMs = (ask: string, candidate: string, failures: number): number => {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1));
  return Math.round(longest * (0.5 + spread(`${ask} ${candidate} ${failures}`) / 2));
};

/** After an asking has used up its tries or its time, the next one for the same reply comes after so long. */
export const REST_MS = LONGEST_MS;
