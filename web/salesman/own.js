/**
 * Cities that the reader places: in a field of whole numbers, no two at one spot. Pure.
 *
 * @typedef {[number, number]} City
 */

/** The field. @type {Readonly<import("./projection.js").Box>} */
export const FIELD = Object.freeze({ left: 0, right: 1600, bottom: 0, top: 1000 });
export const FEWEST_CITIES = 3;
export const MOST_CITIES = 3000;

/** The spot of the field that is nearest to a place. @param {{x: number, y: number}} place @returns {City} */
export function spotOf({ x, y }) {
  const within = (/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) => Math.round(Math.min(Math.max(value, low), high));
  return [within(x, FIELD.left, FIELD.right), within(y, FIELD.bottom, FIELD.top)];
}

/** @param {City[]} cities @param {City} spot @param {number} [but] this city does not count */
function isTaken(cities, [x, y], but = -1) {
  return cities.some(([otherX, otherY], i) => i !== but && otherX === x && otherY === y);
}

/** @param {City[]} cities @param {City} spot @returns {City[]} the same if there is no room */
export function added(cities, spot) {
  return cities.length >= MOST_CITIES || isTaken(cities, spot) ? cities : [...cities, spot];
}

/** @param {City[]} cities @param {number} number @param {City} spot @returns {City[]} */
export function put(cities, number, spot) {
  return isTaken(cities, spot, number) ? cities : cities.with(number, spot);
}

/** @param {City[]} cities @param {number} number @returns {City[]} */
export const removed = (cities, number) => cities.toSpliced(number, 1);

/**
 * Cities at random. The same seed gives the same ones.
 *
 * @param {number} count @param {number} seed
 * @returns {City[]}
 */
export function scattered(count, seed) {
  const random = numbers(seed);
  /** @type {Map<string, City>} */
  const spots = new Map();
  while (spots.size < count) {
    const spot = spotOf({ x: FIELD.right * random(), y: FIELD.top * random() });
    spots.set(spot.join(), spot);
  }
  return [...spots.values()];
}

/** Numbers from 0 to 1, by Tommy Ettinger's mulberry32. @param {number} seed */
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Cities that were kept as text, if they are some. @param {string | null} text @returns {City[]} */
export function kept(text) {
  let cities;
  try {
    cities = JSON.parse(text ?? "[]");
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
  const isCity = (/** @type {any} */ city) => Array.isArray(city) && city.length === 2 && city.every(Number.isFinite);
  return Array.isArray(cities) && cities.length <= MOST_CITIES && cities.every(isCity) ? cities : [];
}
