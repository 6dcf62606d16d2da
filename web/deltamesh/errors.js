/**
 * What can go wrong between a page and the mesh: a URI, a message for people, and whether the same call can succeed later.
 *
 * The errors of this library itself are `deltamesh.web.*`: lost, timeout, silent, closed, client.
 */

/** Errors of the router, and our own, after which the same call can succeed. Other peers say so themselves. */
const RETRY = new Set([
  "wamp.error.no_such_procedure", // nobody is registered yet, or any more
  "wamp.error.no_available_callee",
  "wamp.error.unavailable",
  "wamp.error.canceled", // the callee died with the call
  "wamp.error.timeout",
  "crossbar.error.max_concurrency_reached",
  "deltamesh.error.queue_full",
  "deltamesh.error.waited_too_long",
  "deltamesh.error.no_callee",
  "deltamesh.error.too_many_calls",
  "deltamesh.web.lost",
  "deltamesh.web.timeout",
  "deltamesh.web.silent",
]);

/** An error of a call, of a subscription, or of the connection. */
export class MeshError extends Error {
  name = "MeshError";

  /**
   * @param {string} uri for example `deltamesh.error.not_caught_up`, or an error of the application
   * @param {string} message
   * @param {{[name: string]: any}} [facts] `retry` among them is the word of the peer
   */
  constructor(uri, message, { retry, ...facts } = {}) {
    super(message || uri);
    this.uri = uri;
    this.facts = facts;
    /** Whether the same call can succeed later. @type {boolean} */
    this.retry = typeof retry === "boolean" ? retry : RETRY.has(uri);
  }
}

/** The session ended while something was under way. @param {string} [reason] */
export function lost(reason) {
  return new MeshError("deltamesh.web.lost", reason || "the connection to the router was lost");
}

/** No answer came in time. @param {string} uri @param {number} milliseconds */
export function timeout(uri, milliseconds) {
  return new MeshError("deltamesh.web.timeout", `${uri} did not answer within ${milliseconds / 1000} s`);
}

/** The caller did not want the call any longer, before it was made. */
export function cancelled() {
  return new MeshError("wamp.error.canceled", "the call was cancelled before it was made", { retry: false });
}

/** A follower sent nothing for longer than it may. @param {string} follower @param {number} milliseconds */
export function silent(follower, milliseconds) {
  return new MeshError("deltamesh.web.silent", `${follower} sent nothing for ${milliseconds / 1000} s`);
}
