/** A reply came whole and cannot be used. The message says why. */
export class UnreadableReply extends Error {
  override readonly name = "UnreadableReply";
}
