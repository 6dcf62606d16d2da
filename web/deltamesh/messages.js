/**
 * What comes over the wire, checked before anything relies on it.
 *
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {[epoch: string, revision: number]} Position
 * @typedef {{epoch: string, from: number, to: number, entries: string}} Event
 * @typedef {object} Answer what `open`, `read` and the last part of a large result carry
 * @property {string} epoch
 * @property {number} revision
 * @property {number | null} from null: `entries` is the whole content, else what changed since then
 * @property {string[]} entries JSON texts, one after the other
 */

import { MeshError } from "./errors.js";

/** @param {string} what @param {string} reason @returns {MeshError} another peer, or the same a little later, may do better */
export function malformed(what, reason) {
  return new MeshError("deltamesh.error.malformed_message", `${what}: ${reason}`, { retry: true });
}

/** @param {unknown} value @returns {value is number} */
function isRevision(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;
}

/** @param {unknown} value @returns {value is string} */
function isEpoch(value) {
  return typeof value === "string" && value !== "";
}

/** @param {unknown} value @returns {value is string} whether it can be the JSON text of entries */
function isText(value) {
  return typeof value === "string" && value.trimStart().startsWith("[");
}

/**
 * Read the arguments of an event: `[epoch, from, to, entries]`.
 *
 * @param {unknown[]} args
 * @returns {Event}
 */
export function readEvent(args) {
  if (args.length !== 4) throw malformed("event", `${args.length} arguments instead of 4`);
  const [epoch, from, to, entries] = args;
  if (!isEpoch(epoch)) throw malformed("event", "the epoch is a string that is not empty");
  if (!isRevision(from) || !isRevision(to) || from > to) throw malformed("event", "revisions are integers with 0 <= from <= to");
  if (!isText(entries)) throw malformed("event", "entries are the JSON text of an array");
  return { epoch, from, to, entries };
}

/**
 * Read an answer with entries.
 *
 * @param {any} value
 * @param {string[]} [parts] the entries of progressive results that came before it
 * @returns {Answer}
 */
export function readAnswer(value, parts = []) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw malformed("answer", "it is an object");
  const { epoch, revision, from, entries } = value;
  if (!isEpoch(epoch)) throw malformed("answer", "the epoch is a string that is not empty");
  if (!isRevision(revision)) throw malformed("answer", "the revision is an integer >= 0");
  if (from !== null && !(isRevision(from) && from <= revision)) throw malformed("answer", "from is null or a revision up to this one");
  if (!isText(entries)) throw malformed("answer", "entries are the JSON text of an array");
  return { epoch, revision, from, entries: [...parts, entries] };
}

/**
 * Read the text of entries.
 *
 * @param {string} text
 * @returns {Entry[]}
 */
export function readEntries(text) {
  let entries;
  try {
    entries = HUGE.test(text) ? JSON.parse(text, finite) : JSON.parse(text); // looking at each value costs five times as much
  } catch (error) {
    throw malformed("entries", /** @type {Error} */ (error).message);
  }
  if (!Array.isArray(entries)) throw malformed("entries", "they are an array");
  for (const entry of entries) {
    if (!Array.isArray(entry) || entry.length !== 2 || !Array.isArray(entry[1])) throw malformed("entries", "each is [key, [value, …]]");
  }
  return entries;
}

/** Text that may hold a number beyond what a double can be. */
const HUGE = /[eE]\+?\d{3}|\d{300}/;

/** JSON.parse makes Infinity of 1e999, which is no JSON value. @param {string} _ @param {any} value */
function finite(_, value) {
  if (value === Infinity || value === -Infinity) throw new RangeError("a number is too large");
  return value;
}
