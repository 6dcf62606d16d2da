/**
 * What the page knows: which airport, which flights are looked for or kept, and the live collections for them.
 *
 * @typedef {import("../page/plain.js").Seen} Seen
 * @typedef {object} State
 * @property {string} link state of the connection
 * @property {string} airport
 * @property {string} query
 * @property {string[]} mine ids of the reader's flights
 * @property {string | null} detail id of the flight that is shown closely
 * @property {{[name: string]: Seen}} seen by name: board, delays, clock, mine, detail, numbered, and EWR, JFK, LGA while searching
 */

import { follow } from "../page/mesh.js";
import { NOTHING_SEEN } from "../page/plain.js";
import { Store } from "../page/store.js";
import { idsOf } from "./derive.js";

export const AIRPORTS = ["EWR", "JFK", "LGA"];
/** Flights that one board of a search is looked through. */
const SEARCHED = 300;
/** The service follows so many single flights for one reader. */
export const MOST_MINE = 50;
const AIRPORT_KEY = "deltamesh.departures.airport";
const MINE_KEY = "deltamesh.departures.mine";

/** @returns {string[]} */
function storedFlights() {
  try {
    const stored = JSON.parse(localStorage.getItem(MINE_KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter((id) => typeof id === "string" && id.length <= 32).slice(0, MOST_MINE) : [];
  } catch (error) {
    if (error instanceof SyntaxError) return []; // written by something else: begin anew
    throw error;
  }
}

/** @extends {Store<State>} */
export class Departures extends Store {
  #mesh;
  /** Live collections by the name that their content has in the state. @type {Map<string, {asked: string, live: import("../deltamesh.js").Live}>} */
  #lives = new Map();

  /** @param {import("../deltamesh.js").Mesh} mesh */
  constructor(mesh) {
    const stored = localStorage.getItem(AIRPORT_KEY);
    const airport = AIRPORTS.find((each) => each === stored) ?? "EWR";
    super({ link: mesh.status, airport, query: "", mine: storedFlights(), detail: null, seen: {} });
    this.#mesh = mesh;
    mesh.onstatus = () => this.set({ link: mesh.status });
    this.#follow("clock", "clock", {});
    this.#followAirport();
    this.#followMine();
  }

  /** @param {string} airport */
  choose(airport) {
    localStorage.setItem(AIRPORT_KEY, airport);
    this.set({ airport });
    this.#followAirport();
  }

  /** @param {string} query */
  search(query) {
    this.set({ query });
    for (const airport of AIRPORTS) {
      if (query) this.#follow(airport, "board", { airport, limit: SEARCHED });
      else this.#drop(airport);
    }
    const ids = idsOf(query, this.state.seen.clock, AIRPORTS);
    if (ids.length > 0) this.#follow("numbered", "my_flights", { ids });
    else this.#drop("numbered");
  }

  /** Keep a flight, or keep it no more. @param {string} id */
  toggle(id) {
    const mine = this.state.mine.includes(id) ? this.state.mine.filter((each) => each !== id) : [...this.state.mine, id].slice(-MOST_MINE);
    localStorage.setItem(MINE_KEY, JSON.stringify(mine));
    this.set({ mine });
    this.#followMine();
  }

  /** Show one flight closely; null: none. @param {string | null} id */
  look(id) {
    this.set({ detail: id });
    if (id) this.#follow("detail", "flight", { id });
    else this.#drop("detail");
  }

  #followAirport() {
    const { airport } = this.state;
    this.#follow("board", "board", { airport });
    this.#follow("delays", "delays", { airport });
  }

  #followMine() {
    if (this.state.mine.length > 0) this.#follow("mine", "my_flights", { ids: this.state.mine }, this.state.seen.mine);
    else this.#drop("mine");
  }

  /**
   * Follow a resource under `name` in place of what was followed there.
   *
   * @param {string} name
   * @param {string} resource
   * @param {object} params
   * @param {Seen} [meanwhile] what is shown until the first answer
   */
  #follow(name, resource, params, meanwhile = NOTHING_SEEN) {
    const asked = JSON.stringify([resource, params]);
    if (this.#lives.get(name)?.asked === asked) return;
    this.#lives.get(name)?.live.close();
    this.#see(name, meanwhile);
    const live = follow(this.#mesh, resource, params, (seen) => {
      if (this.#lives.get(name)?.live !== live) return;
      this.#see(name, seen.opened || seen.status === "closed" ? seen : { ...seen, entries: meanwhile.entries });
    });
    this.#lives.set(name, { asked, live });
  }

  /** @param {string} name */
  #drop(name) {
    this.#lives.get(name)?.live.close();
    this.#lives.delete(name);
    const { [name]: _, ...rest } = this.state.seen;
    this.set({ seen: rest });
  }

  /** @param {string} name @param {Seen} seen */
  #see(name, seen) {
    this.set({ seen: { ...this.state.seen, [name]: seen } });
  }
}
