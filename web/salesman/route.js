/**
 * Routes over cities: read from what was sent, compared, and cut where they leave the map. Pure.
 *
 * @typedef {import("./projection.js").Plane} Plane
 */

/**
 * The tour that a text tells.
 *
 * @param {unknown} text
 * @param {number} size number of cities
 * @returns {Int32Array | null} null: it is no permutation of the cities
 */
export function readTour(text, size) {
  if (typeof text !== "string") return null;
  let cities;
  try {
    cities = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (!Array.isArray(cities) || cities.length !== size) return null;
  const tour = new Int32Array(size);
  const seen = new Uint8Array(size);
  for (const [i, city] of cities.entries()) {
    if (!Number.isInteger(city) || city < 0 || city >= size || seen[city]) return null;
    seen[city] = 1;
    tour[i] = city;
  }
  return tour;
}

/**
 * The legs of `tour` that `before` does not have, in either direction: i stands for the one from tour[i] to the city after it.
 *
 * @param {Int32Array | null} before
 * @param {Int32Array} tour
 * @returns {number[]} none if there was no tour of these cities before
 */
export function newLegs(before, tour) {
  const size = tour.length;
  if (before === null || before.length !== size) return [];
  const place = new Int32Array(size);
  before.forEach((city, i) => (place[city] = i));
  const legs = [];
  for (let i = 0; i < size; i++) {
    const apart = Math.abs(place[tour[i]] - place[tour[(i + 1) % size]]);
    if (apart !== 1 && apart !== size - 1) legs.push(i);
  }
  return legs;
}

/**
 * The lines of a leg on the plane: one, or two if the way around the earth the other way is shorter.
 *
 * @param {Plane} plane
 * @param {number} from city
 * @param {number} to city
 * @param {(x0: number, y0: number, x1: number, y1: number) => void} line
 */
export function legLines({ points, round }, from, to, line) {
  const [x0, y0, x1, y1] = [points[2 * from], points[2 * from + 1], points[2 * to], points[2 * to + 1]];
  if (round === 0 || Math.abs(x1 - x0) <= round / 2) return line(x0, y0, x1, y1);
  const turn = x1 > x0 ? round : -round;
  line(x0, y0, x1 - turn, y1);
  line(x0 + turn, y0, x1, y1);
}
