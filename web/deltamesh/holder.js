/**
 * Tells the service who holds which names, and how new: what its census is made of.
 */

/** Names and commits that change are told after this time, so that many go together. [ms] */
const SOON = 1_000;
/** It is said again so often that the holder is there, give or take a tenth. [ms] */
const REGULARLY = 60_000;
/** Names that are told. */
const MOST_NAMES = 2_000;

/** @typedef {{client: string, kind: string, host: string}} Who */

/** One client, as the census sees it. */
export class Holder {
  #topic;
  #who;
  #given;
  #clock;
  #report;
  /** @type {import("./session.js").Session | null} */
  #session = null;
  /** What is to be told next, and when. @type {{at: number, cancel: () => void} | null} */
  #plan = null;
  #isNew = false;
  /** @type {string | null} */
  #commit = null;
  /** Whether nobody was told that anything is held. */
  #isNothing = true;

  /**
   * @param {string} service
   * @param {Who} who
   * @param {() => {names: string[], newest: {commit: string, number: number} | null}} given
   * @param {import("./parameters.js").Clock} clock
   * @param {(message: string, error: unknown) => void} report
   */
  constructor(service, who, given, clock, report) {
    this.#topic = `${service}.on_holding`;
    this.#who = who;
    this.#given = given;
    this.#clock = clock;
    this.#report = report;
  }

  /** A session has begun. @param {import("./session.js").Session} session */
  begin(session) {
    this.#session = session;
    this.#isNew = this.#isNothing = true;
    if (this.#given().names.length > 0) this.#tell();
  }

  /** It is over. */
  end() {
    this.#session = null;
    this.#plan?.cancel();
    this.#plan = null;
  }

  /** The reader is heard, for the first time or again: who counts beside it may not have heard the names. */
  asked() {
    this.#isNew = true;
    this.#later(SOON * Math.random());
  }

  /** Other names are held. */
  renamed() {
    this.#isNew = true;
    this.#later(SOON);
  }

  /** Something was told by the service. */
  renewed() {
    if (this.#session !== null && (this.#given().newest?.commit ?? null) !== this.#commit) this.#later(SOON);
  }

  /** @param {number} milliseconds */
  #later(milliseconds) {
    const at = this.#clock.now() + milliseconds;
    if (this.#session === null || (this.#isNothing && this.#given().names.length === 0) || (this.#plan !== null && this.#plan.at <= at)) return;
    this.#plan?.cancel();
    this.#plan = { at, cancel: this.#clock.after(milliseconds, () => this.#tell()) };
  }

  #tell() {
    const session = this.#session;
    this.#plan?.cancel();
    this.#plan = null;
    if (session === null) return;
    const { names, newest } = this.#given();
    this.#commit = newest?.commit ?? null;
    const told = { ...this.#who, ...(this.#isNew && { names: names.slice(0, MOST_NAMES) }), commit: this.#commit, number: newest?.number ?? null };
    this.#isNew = false;
    this.#isNothing = names.length === 0;
    session.publish(this.#topic, [], told).catch((error) => {
      if (this.#session === session && error?.uri !== "deltamesh.web.lost") this.#report("the census could not be told", error);
    });
    this.#later(REGULARLY * (0.9 + Math.random() / 5));
  }
}
