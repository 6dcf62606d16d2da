/**
 * What a subscriber of a stream does with each message: a state machine without session, clock or content.
 *
 * Its shell must carry out the outputs of each input, in order: call for an `ask` and hand the result to `answer` with its
 * number; show a `replace` or an `apply`. The rules are those of docs/protocol.md; tests/cases pins them for every language.
 *
 * @typedef {import("./messages.js").Position} Position
 * @typedef {import("./messages.js").Event} Event
 * @typedef {import("./messages.js").Answer} Answer
 * @typedef {{kind: "ask", number: number, position: Position | null, pause: boolean}} Ask
 *   position: what is shown, null for the whole; pause: wait a moment, the last answer was of no use
 * @typedef {{kind: "replace" | "apply", position: Position, entries: string[]}} Show JSON texts, one after the other
 * @typedef {Ask | Show} Output
 */

/** Events that are kept while an answer is under way. */
const MAX_DELTAS = 1_000;
/** Epochs whose highest revision is remembered, so that nobody can take the subscriber back in one of them. */
const MAX_EPOCHS = 8;

/** One subscriber. */
export class Subscriber {
  /** @type {"disconnected" | "asking" | "live"} */
  state = "disconnected";
  /** Where the content stands; null before the first answer. @type {Position | null} */
  position = null;

  #maxDeltas;
  /** The topic whose events count. @type {string | null} */
  #source = null;
  /** The latest ask. */
  #number = 0;
  /** @type {Position | null} */
  #askedFrom = null;
  /** @type {Event[]} */
  #kept = [];
  /** @type {Map<string, number>} */
  #highest = new Map();

  /** @param {{maxDeltas?: number}} [limits] */
  constructor({ maxDeltas = MAX_DELTAS } = {}) {
    this.#maxDeltas = maxDeltas;
  }

  /** A session is there. @param {string | null} [source] the topic that is subscribed to already @returns {Output[]} */
  connected(source = null) {
    this.#source = source;
    return [this.#ask(this.position)];
  }

  /** The session, or the follower, is gone. What is shown stays. @returns {Output[]} */
  lost() {
    this.state = "disconnected";
    this.#source = null;
    this.#kept = [];
    return [];
  }

  /** The call failed, or (whole) what was given out could not be used. @param {boolean} [whole] @returns {Output[]} */
  ask(whole = false) {
    return this.state === "disconnected" ? [] : [this.#ask(whole ? null : this.position)];
  }

  /**
   * The result of ask `number`; events of `source` continue it.
   *
   * @param {number} number
   * @param {string} source
   * @param {Answer} answer
   * @returns {Output[]}
   */
  answer(number, source, answer) {
    if (this.state !== "asking" || number !== this.#number) return [];
    if (answer.from !== null && !isAt(this.#askedFrom, answer.epoch, answer.from)) return [this.#ask(null, true)];
    if (answer.revision < (this.#highest.get(answer.epoch) ?? 0)) return [this.#ask(this.#askedFrom, true)];
    const { events, complete } = this.#continuing(source, answer);
    const last = events.at(-1);
    /** @type {Show} */
    const show = {
      kind: answer.from === null ? "replace" : "apply",
      position: this.#reach(answer.epoch, last ? last.to : answer.revision),
      entries: [...answer.entries, ...events.map((event) => event.entries)],
    };
    this.#source = source;
    this.#kept = [];
    this.state = "live";
    return complete ? [show] : [show, this.#ask(this.position)];
  }

  /** An event on the topic `source`. @param {string} source @param {Event} event @returns {Output[]} */
  receive(source, event) {
    if (source !== this.#source || this.state === "disconnected") return [];
    if (this.state === "asking") {
      this.#keep(event);
      return [];
    }
    const [epoch, revision] = /** @type {Position} */ (this.position);
    const step = stepOf(event, epoch, revision);
    if (step === "gap") return [this.#ask(this.position)];
    return step === "old" ? [] : [{ kind: "apply", position: this.#reach(epoch, event.to), entries: [event.entries] }];
  }

  /** One event too many replaces all, as the announcement of its position: an answer that has reached it ends the asking. @param {Event} event */
  #keep(event) {
    if (this.#kept.length < this.#maxDeltas) this.#kept.push(event);
    else this.#kept = [{ ...event, from: event.to, entries: "[]" }];
  }

  /** The kept events that continue `answer`, and whether none is missing. @param {string} source @param {Answer} answer */
  #continuing(source, answer) {
    /** @type {Event[]} */
    const events = [];
    if (source !== this.#source) return { events, complete: true };
    let revision = answer.revision;
    for (const event of this.#kept) {
      const step = stepOf(event, answer.epoch, revision);
      if (step === "gap") return { events, complete: false };
      if (step === "old") continue;
      events.push(event);
      revision = event.to;
    }
    return { events, complete: true };
  }

  /** @param {Position | null} position @param {boolean} [pause] @returns {Ask} */
  #ask(position, pause = false) {
    this.state = "asking";
    this.#kept = []; // what came before the ask is in its answer
    this.#askedFrom = position;
    this.#number += 1;
    return { kind: "ask", number: this.#number, position, pause };
  }

  /** @param {string} epoch @param {number} revision @returns {Position} */
  #reach(epoch, revision) {
    this.#highest.delete(epoch); // the latest epoch goes to the end of the map
    this.#highest.set(epoch, revision);
    if (this.#highest.size > MAX_EPOCHS) this.#highest.delete(/** @type {string} */ (this.#highest.keys().next().value));
    this.position = [epoch, revision];
    return this.position;
  }
}

/** @param {Position | null} position @param {string} epoch @param {number} revision */
function isAt(position, epoch, revision) {
  return position !== null && position[0] === epoch && position[1] === revision;
}

/** What `event` is to content at this position. @param {Event} event @param {string} epoch @param {number} revision */
function stepOf(event, epoch, revision) {
  if (event.epoch !== epoch) return "gap";
  if (event.to <= revision) return "old";
  return event.from > revision ? "gap" : "next";
}
