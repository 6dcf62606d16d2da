/**
 * What the controls ask for, as `solve` takes it. Pure.
 *
 * @typedef {import("./own.js").City} City
 * @typedef {object} Form the values of the controls, as text
 * @property {string} instance the name of a known problem behind "known:", "world" or "own"
 * @property {string} world number of cities
 * @property {string} budget [s]
 * @property {string} temperature
 * @property {string} cooling
 * @property {string} chains
 * @property {string} seed
 * @typedef {[problem: object, budget: number, options: {[name: string]: number | string}]} Request
 */

import { FEWEST_CITIES } from "./own.js";

/**
 * @param {Form} form
 * @param {City[]} own
 * @returns {{request: Request, problem: null} | {request: null, problem: string}} problem: what is wrong, for people
 */
export function requestOf(form, own) {
  const budget = Number(form.budget);
  if (!(budget > 0)) return { request: null, problem: "Give the search some time." };
  const options = /** @type {{[name: string]: number | string}} */ ({ cooling: form.cooling });
  for (const name of /** @type {const} */ (["temperature", "chains", "seed"])) if (form[name].trim() !== "") options[name] = Number(form[name]);
  if (form.instance.startsWith("known:")) return accepted({ name: form.instance.slice("known:".length) });
  if (form.instance === "world") return accepted({ world: Number(form.world) });
  if (form.instance !== "own") return { request: null, problem: "Choose an instance." };
  if (own.length < FEWEST_CITIES) return { request: null, problem: `Place at least ${FEWEST_CITIES} cities on the map first.` };
  return accepted({ name: `own ${own.length}`, kind: "EUC_2D", cities: own });

  /** @param {object} problem */
  function accepted(problem) {
    return { request: /** @type {Request} */ ([problem, budget, options]), problem: null };
  }
}
