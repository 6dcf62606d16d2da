/**
 * The distances of a problem, by the rules of TSPLIB, and the neighbours of each city. The same as `examples/salesman/landscape.py`.
 *
 * @typedef {object} Problem
 * @property {"EUC_2D" | "GEO" | "ATT"} kind how distances are measured, by TSPLIB's names
 * @property {[number, number][]} cities x and y; with GEO latitude and longitude as DDD.MM
 */

/** Nearest neighbours of each city that are tried for the first new edge. */
const NEIGHBOURS = 10;
/** TSPLIB's π, and its radius of the earth [km]. */
const PI = 3.141592;
const EARTH = 6378.388;

/** What a solver walks on: all distances of a problem, and the nearest neighbours of each city. Built once for a problem. */
export class Landscape {
  /** @param {Problem} problem */
  constructor(problem) {
    this.size = problem.cities.length;
    /** From each city to each: from a to b at a * size + b. */
    this.distances = distances(problem);
    /** How many neighbours each city has. */
    this.width = Math.min(NEIGHBOURS, this.size - 1);
    /** The nearest others of each city, the nearest first, of equally near ones that with the lower number. */
    this.neighbours = new Int32Array(this.size * this.width);
    /** The distances to them. */
    this.near = new Int32Array(this.size * this.width).fill(0x7fffffff);
    for (let city = 0; city < this.size; city++) this.#nearest(city);
  }

  /**
   * How long a tour is.
   *
   * @param {ArrayLike<number>} tour
   */
  length(tour) {
    let length = 0;
    for (let i = 0, last = tour[tour.length - 1]; i < tour.length; last = tour[i++]) length += this.distances[last * this.size + tour[i]];
    return length;
  }

  /** @param {number} city */
  #nearest(city) {
    const { neighbours, near, width } = this;
    const begin = city * width;
    const end = begin + width - 1;
    for (let other = 0; other < this.size; other++) {
      const distance = this.distances[city * this.size + other];
      if (other === city || distance >= near[end]) continue;
      let at = end;
      for (; at > begin && near[at - 1] > distance; at--) {
        near[at] = near[at - 1];
        neighbours[at] = neighbours[at - 1];
      }
      near[at] = distance;
      neighbours[at] = other;
    }
  }
}

/**
 * The distances between all cities, as TSPLIB defines them.
 *
 * @param {Problem} problem
 */
function distances({ kind, cities }) {
  const size = cities.length;
  const found = new Int32Array(size * size);
  const measure = kind === "GEO" ? geographic(cities) : plane(cities, kind === "ATT");
  for (let a = 0; a < size; a++) {
    for (let b = 0; b < a; b++) found[a * size + b] = found[b * size + a] = measure(a, b);
  }
  return found;
}

/**
 * @param {[number, number][]} cities
 * @param {boolean} isAtt
 * @returns {(a: number, b: number) => number}
 */
function plane(cities, isAtt) {
  return (a, b) => {
    const dx = cities[a][0] - cities[b][0];
    const dy = cities[a][1] - cities[b][1];
    const squares = dx * dx + dy * dy;
    if (!isAtt) return Math.floor(Math.sqrt(squares) + 0.5);
    const exact = Math.sqrt(squares / 10);
    const rounded = Math.floor(exact + 0.5);
    return rounded < exact ? rounded + 1 : rounded;
  };
}

/**
 * @param {[number, number][]} cities
 * @returns {(a: number, b: number) => number}
 */
function geographic(cities) {
  const radians = (/** @type {number} */ coordinate) => {
    const degrees = Math.trunc(coordinate);
    return (PI * (degrees + (5 * (coordinate - degrees)) / 3)) / 180;
  };
  const places = cities.map(([x, y]) => [radians(x), radians(y)]);
  return (a, b) => {
    const q1 = Math.cos(places[a][1] - places[b][1]);
    const q2 = Math.cos(places[a][0] - places[b][0]);
    const q3 = Math.cos(places[a][0] + places[b][0]);
    const cosine = 0.5 * ((1 + q1) * q2 - (1 - q1) * q3);
    return Math.floor(EARTH * Math.acos(Math.max(-1, Math.min(1, cosine))) + 1);
  };
}
