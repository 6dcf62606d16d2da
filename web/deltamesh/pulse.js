/**
 * Notices that a router is stopped or cut off, which a network does not tell: a WebSocket in a page knows no pings of its own, and
 * stays open for minutes while nothing comes any more.
 *
 * Where nothing has come for a while, the router is asked something; whatever it answers, even a refusal, shows that it lives. Silence is
 * counted in looks, not in time: a page that was frozen itself reads what has come meanwhile before it judges.
 */

/** Time between two looks. [ms] */
const LOOK = 1_000;
/** Looks without anything after which the router is asked. A page that is told of changes more often never asks. */
const QUIET = 3;
/** Looks without anything, not even an answer, after which the router counts as dead. */
const DEAD = 8;

/** The pulse of one session. */
export class Pulse {
  #silent = 0;
  #timer;

  /**
   * @param {() => Promise<unknown>} ask asks the router something; settled when it has answered anything
   * @param {() => void} dead told once, when it does not
   */
  constructor(ask, dead) {
    this.#timer = setInterval(() => {
      this.#silent += 1;
      if (this.#silent === QUIET) ask().then(() => this.beat(), () => undefined);
      if (this.#silent < DEAD) return;
      this.stop();
      dead();
    }, LOOK);
  }

  /** Something has come. */
  beat() {
    this.#silent = 0;
  }

  /** Look no more. */
  stop() {
    clearInterval(this.#timer);
  }
}
