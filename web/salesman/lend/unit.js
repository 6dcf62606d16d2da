/**
 * A unit of work, checked and computed piece by piece. Knows no network and no page; it runs in a slot.
 *
 * @typedef {object} Unit
 * @property {string} problem id, 16 hexadecimal digits
 * @property {string} tour JSON text of city numbers
 * @property {number} hot temperature at the beginning [units of length]
 * @property {number} cold and at the end
 * @property {number} steps
 * @property {number} seed 0 … 2³² - 1
 * @property {number} limit ends it early [s]
 *
 * @typedef {{current: string, best: string, length: number, routes: number, steps: number, seconds: number}} Computed
 */

import { MeshError } from "../../deltamesh/errors.js";
import { Landscape } from "../landscape.js";
import { Chain } from "../solver.js";

/** Steps between two looks at the clock: some milliseconds. */
const PIECE = 100;
/** Time between two reports of what was evaluated. [ms] */
const REPORT = 100;
/** Landscapes that one slot keeps: so many, of so many distances in all. A phone has to hold them for each slot. */
const KEPT = { landscapes: 16, distances: 12_000_000 };

const MAX = Object.freeze({ cities: 3_000, tour: 40_000, temperature: 1e12, steps: 100_000_000, seed: 2 ** 32 - 1, limit: 60, coordinate: 1e7 });
const KINDS = new Set(["EUC_2D", "GEO", "ATT"]);

/** @param {unknown} value @param {number} least @param {number} most */
const isWhole = (value, least, most) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
/** @param {unknown} value */
const isTemperature = (value) => typeof value === "number" && value >= 0 && value <= MAX.temperature;

/** What each argument has to be. @type {{[name: string]: [(value: any) => boolean, string]}} */
const ARGUMENTS = {
  problem: [(value) => typeof value === "string" && /^[0-9a-f]{16}$/.test(value), "16 hexadecimal digits"],
  tour: [(value) => typeof value === "string" && value.length <= MAX.tour, `a text of at most ${MAX.tour} characters`],
  hot: [isTemperature, `a number from 0 to ${MAX.temperature}`],
  cold: [isTemperature, `a number from 0 to ${MAX.temperature}`],
  steps: [(value) => isWhole(value, 0, MAX.steps), `an integer from 0 to ${MAX.steps}`],
  seed: [(value) => isWhole(value, 0, MAX.seed), `an integer from 0 to ${MAX.seed}`],
  limit: [(value) => typeof value === "number" && value > 0 && value <= MAX.limit, `a number above 0, at most ${MAX.limit}`],
};

/**
 * The unit that a call asks for.
 *
 * @param {{[name: string]: any}} kwargs
 * @returns {Unit}
 * @throws {MeshError} the call is wrong
 */
export function checkedUnit(kwargs) {
  const given = { limit: MAX.limit, ...kwargs };
  for (const name of Object.keys(given)) if (!(name in ARGUMENTS)) throw invalid(`there is no argument ${name.slice(0, 80)}`);
  for (const [name, [fits, what]] of Object.entries(ARGUMENTS)) {
    if (!fits(/** @type {any} */ (given)[name])) throw invalid(`${name} has to be ${what}`);
  }
  return /** @type {Unit} */ (given);
}

/** @param {string} reason */
function invalid(reason) {
  return new MeshError("deltamesh.error.invalid_parameters", `anneal: ${reason}`, { function: "anneal", reason, retry: false });
}

/**
 * The tour of `size` cities that a text says.
 *
 * @param {string} text
 * @param {number} size
 * @returns {Int32Array}
 * @throws {MeshError} it is no permutation
 */
export function readTour(text, size) {
  const wrong = (/** @type {string} */ message) => new MeshError("com.example.salesman.error.bad_tour", message, { retry: false });
  let numbers;
  try {
    numbers = JSON.parse(text);
  } catch {
    throw wrong("a tour is a JSON list of city numbers");
  }
  if (!Array.isArray(numbers)) throw wrong("a tour is a JSON list of city numbers");
  if (numbers.length !== size) throw wrong(`the tour visits ${numbers.length} cities, there are ${size}`);
  const seen = new Uint8Array(size);
  for (const number of numbers) {
    if (!isWhole(number, 0, size - 1)) throw wrong(`there is no city ${String(number).slice(0, 80)}, they are numbered 0 … ${size - 1}`);
    if (seen[number]) throw wrong(`the tour visits city ${number} twice`);
    seen[number] = 1;
  }
  return Int32Array.from(numbers);
}

/**
 * A problem as it came over the wire, of which nothing is believed.
 *
 * @param {any} problem
 * @param {string} id the one that was asked for
 * @returns {{id: string, name: string, kind: "EUC_2D" | "GEO" | "ATT", cities: [number, number][]}}
 * @throws {MeshError} it is none, or another one
 */
export function checkedProblem(problem, id) {
  const isCity = (/** @type {any} */ city) => Array.isArray(city) && city.length === 2 && city.every((each) => Math.abs(each) <= MAX.coordinate);
  const cities = problem?.cities;
  const fits = Array.isArray(cities) && cities.length >= 3 && cities.length <= MAX.cities && cities.every(isCity);
  if (problem?.id !== id || !KINDS.has(problem.kind) || !fits) {
    throw new MeshError("com.example.salesman.error.bad_problem", `what was answered is not the problem ${id}`, { retry: true });
  }
  return problem;
}

/** The landscapes of the problems that were computed last. */
export class Landscapes {
  /** @type {Map<string, Landscape>} */
  #known = new Map();

  /** @param {string} problem @returns {Landscape | undefined} */
  get(problem) {
    const found = this.#known.get(problem);
    if (found) this.#keep(problem, found);
    return found;
  }

  /** Build one. @param {any} problem checked @returns {Landscape} */
  add(problem) {
    const built = new Landscape(problem);
    this.#keep(problem.id, built);
    return built;
  }

  /** @param {string} problem @param {Landscape} landscape */
  #keep(problem, landscape) {
    this.#known.delete(problem);
    this.#known.set(problem, landscape); // at the end: the latest
    const distances = () => [...this.#known.values()].reduce((sum, { size }) => sum + size * size, 0);
    for (const oldest of [...this.#known.keys()].slice(0, -1)) {
      if (this.#known.size <= KEPT.landscapes && distances() <= KEPT.distances) break;
      this.#known.delete(oldest);
    }
  }
}

/**
 * Compute a unit. Without `limit` reached the result is a pure function of landscape and unit.
 *
 * @param {Landscape} landscape
 * @param {Unit} unit checked
 * @param {(routes: number) => void} [evaluated] told now and then how many more routes were evaluated
 * @param {() => number} [clock] [ms]
 * @returns {Computed}
 */
export function compute(landscape, { tour, hot, cold, steps, seed, limit }, evaluated = () => undefined, clock = () => performance.now()) {
  const chain = new Chain(landscape, readTour(tour, landscape.size), hot, cold, steps, seed);
  const begun = clock();
  let reported = { at: begun, routes: 0 };
  const report = (/** @type {number} */ at) => {
    const { routes } = chain;
    evaluated(routes - reported.routes);
    reported = { at, routes };
  };
  let now = begun;
  while (!chain.run(PIECE) && now < begun + limit * 1_000) {
    now = clock();
    if (now >= reported.at + REPORT) report(now);
  }
  now = clock();
  report(now);
  const { current, best, length, routes } = chain.result();
  const text = (/** @type {Int32Array} */ cities) => JSON.stringify([...cities]);
  return { current: text(current), best: text(best), length, routes, steps: chain.done, seconds: (now - begun) / 1_000 };
}
