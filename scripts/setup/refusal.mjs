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
