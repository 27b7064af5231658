/** Keeps head and tail of a text, the tail being the larger part: errors stand at the end of a log. */
export const boundText = (text: string, max: number): string => {
  if (text.length <= max) return text;
  const head = Math.floor(max / 4);
  const tail = max - head;
  return `${text.slice(0, head)}\n[... ${text.length - max} characters left out ...]\n${text.slice(-tail)}`;
};
