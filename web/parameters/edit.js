/**
 * A change on its way: what the form says, what it would do, and what the service says against it. Pure.
 *
 * @typedef {import("./values.js").Control} Control
 * @typedef {object} Edit
 * @property {string} name
 * @property {boolean} isNew whether it is to be added
 * @property {boolean} isRemoval
 * @property {Control} control
 * @property {string} text
 * @property {string} layer "" for where it stands now
 * @property {string} message
 * @property {string | null} head the commit that the reader saw when this began
 * @property {number | null} number of the commit that had last changed it then
 * @property {{diff: string, files: string[]} | null} preview of exactly this change
 * @property {Trouble | null} trouble
 * @property {boolean} busy
 *
 * @typedef {{kind: "value" | "name" | "message" | "conflict" | "not_good" | "other", text: string, list: {id: number, place: string, reason: string}[]}} Trouble
 * @typedef {{commit: string, diff: string | null, head: string | null, trouble: Trouble | null, busy: boolean}} Reverting diff: what it would change,
 *   on top of the commit `head`
 */

import { isName } from "../deltamesh.js";
import { sorry } from "../page/plain.js";
import { placeOf } from "./derive.js";
import { controlOf, controlText, readControl } from "./values.js";

/** What the message of a commit may have. [characters] */
export const LONGEST_MESSAGE = 500;

/**
 * Begin to change a parameter; without an entry, to add one.
 *
 * @param {{name: string, value: any, number: number} | null} entry
 * @param {string | null} head
 * @returns {Edit}
 */
export function begun(entry, head) {
  const control = entry ? controlOf(entry.value) : "text";
  return {
    name: entry?.name ?? "", isNew: entry === null, isRemoval: false, control, text: entry ? controlText(control, entry.value) : "", layer: "", message: "",
    head, number: entry?.number ?? null, preview: null, trouble: null, busy: false,
  };
}

/** The form says something else: what was previewed counts no more. @param {Edit} edit @param {Partial<Edit>} parts @returns {Edit} */
export function changed(edit, parts) {
  return { ...edit, ...parts, preview: null, trouble: null };
}

/**
 * What is sent to the repository.
 *
 * @param {Edit} edit
 * @returns {{changes: any[][], layer: string | null, trouble: null} | {changes: null, layer: null, trouble: Trouble}}
 */
export function requestOf({ name, isRemoval, control, text, layer }) {
  if (!isName(name)) return wrong("name", "A name has segments with dots between them, without blanks: payment.limits.daily.eur");
  if (isRemoval) return { changes: [[name]], layer: layer || null, trouble: null };
  const { value, problem } = readControl(control, text);
  return problem === null ? { changes: [[name, value]], layer: layer || null, trouble: null } : wrong("value", problem);
}

/** @param {"name" | "value"} kind @param {string} text @returns {{changes: null, layer: null, trouble: Trouble}} */
function wrong(kind, text) {
  return { changes: null, layer: null, trouble: { kind, text, list: [] } };
}

/** A message for those who leave it empty: everybody can read it. @param {Edit} edit @param {boolean} isPublic whether everybody may know the name */
export function suggestedMessage({ name, isNew, isRemoval }, isPublic) {
  return `${isRemoval ? "Remove" : isNew ? "Add" : "Change"} ${isPublic ? name : "a restricted parameter"}`.slice(0, LONGEST_MESSAGE);
}

const SENTENCES = /** @type {{[name: string]: string}} */ ({
  no_such_commit: "The repository has no such commit any more.",
  nothing_to_change: "Nothing would change: this is what the repository has already.",
  restricted: "This name is restricted, and you may not change it.",
  out_of_reach: "The repository cannot be reached now. Nothing was changed; try again in a moment.",
  read_only: "The repository can only be read from here.",
});

/**
 * An error of the repository, for people, and where it belongs.
 *
 * @param {any} error
 * @returns {Trouble}
 */
export function troubleOf(error) {
  const [, name] = /\.error\.(\w+)$/.exec(error?.uri ?? "") ?? [];
  const isOurs = error?.uri && !/^(deltamesh|wamp|crossbar)\./.test(error.uri);
  if (isOurs && name === "conflict") return { kind: "conflict", text: String(error.message), list: [] };
  if (isOurs && name === "not_good") {
    const problems = Array.isArray(error.facts?.problems) ? error.facts.problems : [];
    const list = problems.slice(0, 20).map((/** @type {any} */ each, /** @type {number} */ id) => ({ id, place: placeOf(each ?? {}), reason: String(each?.reason ?? "") }));
    return { kind: "not_good", text: list.length > 0 ? "The repository does not take this:" : String(error.message), list };
  }
  if (error?.uri === "wamp.error.not_authorized") return { kind: "other", text: "You are not allowed to do this any more. Sign in again.", list: [] };
  return { kind: "other", text: (isOurs && SENTENCES[name]) || sorry(error), list: [] };
}
