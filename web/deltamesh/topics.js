/**
 * The topics of one session: each is subscribed once, however many live collections listen to it.
 *
 * WAMP clients differ in what a second subscription of the same topic does (Wampy forgets the first handler if both
 * are under way), so it is not left to them.
 *
 * @typedef {import("./session.js").Session} Session
 * @typedef {(args: any[], kwargs: {[name: string]: any}) => void} Handler
 */

/** What a session is subscribed to. */
export class Topics {
  #session;
  #heard;
  /** @type {Map<string, {handlers: Set<Handler>, subscription: Promise<any>}>} */
  #topics = new Map();

  /** @param {Session} session @param {() => void} [heard] called with each event */
  constructor(session, heard = () => undefined) {
    this.#session = session;
    this.#heard = heard;
  }

  /** How many topics are subscribed. */
  get size() {
    return this.#topics.size;
  }

  /**
   * Call `handler` for each event of `uri`. Resolves when the router has confirmed it.
   *
   * @param {string} uri
   * @param {Handler} handler
   * @returns {Promise<boolean>} whether it is subscribed anew, so that the topic's greeting will come
   */
  async add(uri, handler) {
    let topic = this.#topics.get(uri);
    const anew = topic === undefined;
    if (topic === undefined) {
      const handlers = new Set([handler]);
      const subscription = this.#session.subscribe(uri, (args, kwargs) => {
        this.#heard();
        handlers.forEach((each) => each(args, kwargs));
      });
      topic = { handlers, subscription };
      this.#topics.set(uri, topic);
    }
    topic.handlers.add(handler);
    try {
      await topic.subscription;
      return anew;
    } catch (error) {
      if (this.#topics.get(uri) === topic) this.#topics.delete(uri);
      throw error;
    }
  }

  /**
   * Call `handler` no more; the last one ends the subscription.
   *
   * @param {string} uri
   * @param {Handler} handler
   */
  async remove(uri, handler) {
    const topic = this.#topics.get(uri);
    if (!topic?.handlers.delete(handler) || topic.handlers.size > 0) return;
    this.#topics.delete(uri);
    await this.#session.unsubscribe(await topic.subscription);
  }
}
