/**
 * How long it takes until a write of this page is visible on this page: from sending the call to the delta.
 *
 * Pure: times are handed in. [ms]
 *
 * @typedef {import("./subscriber.js").Position} Position
 */

/** Writes and deltas that are remembered: an answer and its delta are never further apart. */
const KEPT = 64;
/** A write whose delta does not come within this time changed nothing that is shown. [ms] */
const LONGEST = 5_000;

/** Matches writes with the deltas that carry them. */
export class Latency {
  /** @type {{position: Position, sent: number}[]} */
  #writes = [];
  /** @type {{from: number, position: Position, at: number}[]} */
  #deltas = [];

  /**
   * A write was answered. The delta may have come before the answer.
   *
   * @param {Position} position
   * @param {number} sent when the call was made
   * @returns {number | null} the latency, if the delta is known
   */
  wrote(position, sent) {
    const delta = this.#deltas.find((each) => each.at >= sent && carries(each, position));
    if (delta) return delta.at - sent;
    this.#writes = [...this.#writes.slice(1 - KEPT), { position, sent }];
    return null;
  }

  /**
   * A delta has changed something that is shown.
   *
   * @param {number} from
   * @param {Position} position
   * @param {number} at
   * @returns {number[]} the latencies of the writes that it carries
   */
  shown(from, position, at) {
    const delta = { from, position, at };
    this.#deltas = [...this.#deltas.slice(1 - KEPT), delta];
    const recent = this.#writes.filter((write) => at - write.sent <= LONGEST);
    this.#writes = recent.filter((write) => !carries(delta, write.position));
    return recent.filter((write) => carries(delta, write.position)).map((write) => at - write.sent);
  }
}

/** @param {{from: number, position: Position}} delta @param {Position} write */
function carries({ from, position: [epoch, to] }, [written, revision]) {
  return epoch === written && from < revision && revision <= to;
}
