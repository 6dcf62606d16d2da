/**
 * The tree of names, as rows. Pure.
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {"group" | "parameter"} kind
 * @property {string} path the name, or what the names of a group begin with
 * @property {string} label the last segment
 * @property {number} level from 1
 * @property {boolean} isOpen of a group
 * @property {string} detail the value in short, or how many parameters a group has
 * @property {string} tone of a value: its kind
 * @property {boolean} isRestricted
 * @property {boolean} isChosen
 */

import { kindOf } from "../deltamesh/types.js";
import { shortText } from "./values.js";

/** Up to so many parameters, all groups are open at first. */
const FEW = 60;
/** Rows that are shown; who looks for more searches. */
export const MOST_ROWS = 500;

/**
 * The names that a search finds: each word is somewhere in the name.
 *
 * @param {string[]} names @param {string} query
 */
export function found(names, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length === 0 ? names : names.filter((name) => words.every((word) => name.toLowerCase().includes(word)));
}

/**
 * @param {Map<string, {value: any}>} entries by name, in the order of names
 * @param {object} how
 * @param {string} how.query
 * @param {string[]} how.toggled groups that are not as they were at first
 * @param {string | null} how.chosen
 * @param {(name: string) => boolean} how.isRestricted
 * @returns {{rows: Row[], count: number, isCut: boolean}} count: parameters that were found
 */
export function treeRows(entries, { query, toggled, chosen, isRestricted }) {
  const names = found([...entries.keys()], query);
  const all = query !== "" || entries.size <= FEW;
  const isOpen = (/** @type {string} */ path) => (all || chosen?.startsWith(`${path}.`) === true) !== toggled.includes(path);
  const sizes = sizesOf(names);
  /** @type {Row[]} */
  const rows = [];
  /** @type {string[]} */
  let before = [];
  for (const name of names) {
    if (rows.length > MOST_ROWS) break;
    const segments = name.split(".");
    const groups = segments.slice(0, -1).map((_, i) => segments.slice(0, i + 1).join("."));
    let isVisible = true;
    for (const [i, path] of groups.entries()) {
      if (isVisible && before[i] !== path) {
        const size = sizes.get(path) ?? 0;
        rows.push({ id: `${path}.`, kind: "group", path, label: segments[i], level: i + 1, isOpen: isOpen(path), detail: `${size}`, tone: "group", isRestricted: false, isChosen: false });
      }
      isVisible &&= isOpen(path);
    }
    before = groups;
    if (!isVisible) continue;
    const { value } = /** @type {{value: any}} */ (entries.get(name));
    const [label] = segments.slice(-1);
    const leaf = { isRestricted: isRestricted(name), isChosen: name === chosen, detail: shortText(value), tone: kindOf(value), isOpen: false };
    rows.push({ id: name, kind: "parameter", path: name, label, level: segments.length, ...leaf });
  }
  return { rows: rows.slice(0, MOST_ROWS), count: names.length, isCut: rows.length > MOST_ROWS };
}

/** How many names each group has. @param {string[]} names */
function sizesOf(names) {
  /** @type {Map<string, number>} */
  const sizes = new Map();
  for (const name of names) {
    for (let end = name.indexOf("."); end >= 0; end = name.indexOf(".", end + 1)) {
      const path = name.slice(0, end);
      sizes.set(path, (sizes.get(path) ?? 0) + 1);
    }
  }
  return sizes;
}
