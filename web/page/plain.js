/**
 * The state of the mesh in plain words. Pure.
 *
 * @typedef {object} Seen what is known of one live collection, as plain data
 * @property {[any, any[]][]} entries
 * @property {string} status
 * @property {{uri: string, message: string} | null} error
 * @property {boolean} opened whether anything was answered yet
 * @property {string | null} follower
 * @property {[string, number] | null} position
 */

/** Before anything was answered. @type {Seen} */
export const NOTHING_SEEN = Object.freeze({ entries: [], status: "waiting", error: null, opened: false, follower: null, position: null });

/** Nobody is there to answer the call. */
const ABSENT = new Set(["wamp.error.no_such_procedure", "wamp.error.no_available_callee"]);

/**
 * What a page says in place of, or beside, a collection; null: nothing, all is well.
 *
 * @param {Seen} seen
 * @param {string} link the state of the connection
 * @param {string} name of the service, for people
 * @returns {{title: string, text: string} | null}
 */
export function trouble(seen, link, name) {
  if (seen.status === "closed" && seen.error) return { title: "This cannot be shown.", text: seen.error.message };
  if (seen.status === "live" || seen.opened) return null; // what is shown stays without a word; the bar says that it waits
  if (link !== "open") return { title: "Looking for the router.", text: "The page keeps trying and goes on by itself." };
  if (seen.error && ABSENT.has(seen.error.uri)) {
    return { title: `The ${name} service is not running.`, text: "The page keeps asking and goes on by itself as soon as it starts." };
  }
  return { title: `Asking the ${name} service.`, text: seen.error ? `It said: ${seen.error.message}` : "" };
}

/**
 * The state in a few words, for the bar.
 *
 * @param {Seen} seen the main collection of the page
 * @param {string} link
 * @returns {{state: "live" | "waiting" | "closed", text: string}}
 */
export function stateOf(seen, link) {
  if (link === "open" && seen.status === "live") return { state: "live", text: `Live from ${seen.follower}` };
  if (seen.status === "closed" && seen.error) return { state: "closed", text: "Stopped" };
  if (link !== "open") return { state: "waiting", text: seen.opened ? "Reconnecting" : "Connecting" };
  return { state: "waiting", text: seen.opened ? "Catching up" : "Waiting" };
}

/**
 * An error of an action, for people.
 *
 * @param {any} error
 * @returns {string}
 */
export function sorry(error) {
  if (ABSENT.has(error?.uri)) return "The service is not running. Try again in a moment.";
  if (["deltamesh.web.lost", "deltamesh.web.timeout", "wamp.error.canceled"].includes(error?.uri)) {
    return "No answer came. Look whether it arrived before you repeat it.";
  }
  return String(error?.message ?? error);
}

/** A position, short enough to read. @param {[string, number] | null} position */
export function positionText(position) {
  if (position === null) return "–";
  const [epoch, revision] = position;
  return `${epoch.length > 10 ? `${epoch.slice(0, 8)}…` : epoch} · ${revision.toLocaleString("en")}`;
}
