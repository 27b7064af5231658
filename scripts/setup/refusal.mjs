// @ts-check

/** What set-up cannot do by itself: the message says what is wrong, `remedy` what the person does about it. */
export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {string} remedy
   */
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

/**
 * Several things a person mends before set-up can go on, told at once.
 * @param {readonly Refusal[]} refusals
 */
export const refuseTogether = (refusals) => {
  const [first, ...others] = refusals;
  if (first && others.length === 0) throw first;
  if (first)
    throw new Refusal(
      refusals.map(({ message }) => message).join("\n  and: "),
      refusals.map(({ remedy }) => remedy).join("\n"),
    );
};
