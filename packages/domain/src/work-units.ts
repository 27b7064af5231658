const PER_WU = 1e9;

/** `1,230.1 WU`; three decimals below one, so that small calls do not all read as zero. */
export const formatWork = (work: number): string => {
  const units = work / PER_WU;
  const digits = units !== 0 && units < 1 ? 3 : 1;
  return `${units.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })} WU`;
};
