/**
 * Keys of JSON: their one order and their one identity; and the entries of a collection, kept in that order.
 *
 * Order: null < false < true < numbers < strings (by code point) < arrays < objects. Arrays compare element by element,
 * the shorter first; objects as arrays of their [name, value] pairs sorted by name.
 *
 * @typedef {[key: any, values: any[]]} Entry  a key and its values; no values say that the key is gone
 */

/**
 * Compare two strings by code point. JavaScript itself compares UTF-16 units, which puts U+1F600 before U+FF5E.
 *
 * @param {string} a
 * @param {string} b
 * @returns {number} negative, 0 or positive
 */
export function compareText(a, b) {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above U+FFFF: they go after every other unit. @param {number} unit */
function codePointRank(unit) {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** @param {any} value */
function rank(value) {
  if (value === null) return 0;
  if (typeof value === "boolean") return value ? 2 : 1;
  if (typeof value === "number") return 3;
  if (typeof value === "string") return 4;
  return Array.isArray(value) ? 5 : 6;
}

/** @param {{[name: string]: any}} object @returns {[string, any][]} */
function sortedPairs(object) {
  return Object.entries(object).sort(([a], [b]) => compareText(a, b));
}

/**
 * Compare two keys in the order of JSON values.
 *
 * @param {any} a
 * @param {any} b
 * @returns {number} negative, 0 or positive; 0 only for equal keys
 */
export function compareKeys(a, b) {
  const kind = rank(a);
  const difference = kind - rank(b);
  if (difference !== 0 || kind < 3) return difference;
  if (kind === 3) return a - b;
  if (kind === 4) return compareText(a, b);
  return kind === 5 ? compareArrays(a, b) : compareArrays(sortedPairs(a), sortedPairs(b));
}

/** @param {any[]} a @param {any[]} b */
function compareArrays(a, b) {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const difference = compareKeys(a[i], b[i]);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * Return a text that is equal for equal keys only: `1` and `1.0` are one key, `1` and `true` are two.
 *
 * @param {any} key
 * @returns {string}
 */
export function keyText(key) {
  if (Array.isArray(key)) return `[${key.map(keyText).join()}]`;
  if (key === null || typeof key !== "object") return JSON.stringify(key);
  return `{${sortedPairs(key).map(([name, value]) => `${JSON.stringify(name)}:${keyText(value)}`).join()}}`;
}

/**
 * Whether two JSON values are the same; the order of an object's names does not matter.
 *
 * @param {any} a
 * @param {any} b
 * @returns {boolean}
 */
export function same(a, b) {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]));
  }
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]));
}

/** The entries of one collection, in key order. */
export class Entries {
  /** @type {Map<string, Entry>} */
  #byKey = new Map();
  /** @type {Entry[]} */
  #ordered = [];

  /** How many keys there are. */
  get size() {
    return this.#ordered.length;
  }

  /** All entries in key order, as a list that no later change touches. @returns {Entry[]} */
  list() {
    return this.#ordered.slice();
  }

  /**
   * Set each key of `changes` to its values; no values remove it. Of a key that is named twice the last one counts.
   *
   * @param {Entry[]} changes
   * @returns {any[]} the keys that really differ now, in key order
   */
  apply(changes) {
    const last = new Map(changes.map((change) => [keyText(change[0]), change]));
    const changed = [];
    for (const [text, [key, values]] of last) {
      if (this.#set(text, key, values)) changed.push(key);
    }
    return changed.sort(compareKeys);
  }

  /**
   * Make `content` the whole content.
   *
   * @param {Entry[]} content
   * @returns {any[]} the keys that really differ now, the removed ones as well, in key order
   */
  replace(content) {
    const kept = new Set(content.map(([key]) => keyText(key)));
    const removed = this.#ordered.filter(([key]) => !kept.has(keyText(key)));
    return this.apply([...removed.map(([key]) => /** @type {Entry} */ ([key, []])), ...content]);
  }

  /** @param {string} text @param {any} key @param {any[]} values @returns {boolean} whether anything differs */
  #set(text, key, values) {
    const known = this.#byKey.get(text);
    if (known ? same(known[1], values) : values.length === 0) return false;
    const place = this.#placeOf(key);
    if (values.length === 0) {
      this.#byKey.delete(text);
      this.#ordered.splice(place, 1);
      return true;
    }
    /** @type {Entry} */
    const entry = [key, values];
    this.#byKey.set(text, entry);
    this.#ordered.splice(place, known ? 1 : 0, entry);
    return true;
  }

  /** Where `key` is, or belongs. @param {any} key */
  #placeOf(key) {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareKeys(this.#ordered[middle][0], key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
