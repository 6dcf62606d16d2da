/**
 * The slots of this machine: units go to one that is free, problems are fetched once for all of them.
 *
 * @typedef {object} Thread what a slot runs in
 * @property {(message: any) => void} post
 * @property {() => void} end
 * @typedef {(heard: (message: any) => void, broken: (error: Error) => void) => Thread} Start starts `slot.js`
 */

import { MeshError } from "../../deltamesh/errors.js";

/** Problems that are kept. */
const KEPT = 16;

/** As many slots as there are to be. */
export class Slots {
  /** Routes that were evaluated, in all. */
  routes = 0;

  #count;
  #start;
  #fetch;
  /** @type {Map<string, Promise<any>>} */
  #problems = new Map();
  /** @type {Set<Slot>} */
  #all = new Set();
  /** @type {Slot[]} */
  #free = [];
  /** @type {((slot: Slot) => void)[]} */
  #waiting = [];

  /**
   * @param {number} count
   * @param {Start} start
   * @param {(id: string) => Promise<any>} fetch asks for a problem
   */
  constructor(count, start, fetch) {
    this.#count = count;
    this.#start = start;
    this.#fetch = fetch;
  }

  /**
   * Compute a unit, as soon as a slot is free.
   *
   * @param {import("./unit.js").Unit} unit checked
   * @returns {Promise<import("./unit.js").Computed>}
   */
  async compute(unit) {
    const slot = await this.#take();
    try {
      return await slot.compute(unit);
    } finally {
      if (slot.isBroken) this.#all.delete(slot);
      const next = slot.isBroken ? undefined : this.#waiting.shift();
      if (next) next(slot);
      else if (!slot.isBroken) this.#free.push(slot);
      else if (this.#waiting.length > 0) this.#waiting.shift()?.(this.#open());
    }
  }

  /** End all of them, at once. */
  close() {
    for (const slot of this.#all) slot.end();
    this.#all.clear();
    this.#free = [];
  }

  /** A slot that is free, started if need be. @returns {Promise<Slot>} */
  async #take() {
    const free = this.#free.pop();
    if (free) return free;
    if (this.#all.size < this.#count) return this.#open();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #open() {
    const slot = new Slot(this.#start, (id) => this.#problem(id), (routes) => (this.routes += routes));
    this.#all.add(slot);
    return slot;
  }

  /** A problem, asked for once. @param {string} id @returns {Promise<any>} */
  #problem(id) {
    const known = this.#problems.get(id);
    const problem = known ?? this.#fetch(id);
    this.#problems.delete(id);
    this.#problems.set(id, problem); // at the end: the latest
    if (!known) problem.catch(() => this.#problems.get(id) === problem && this.#problems.delete(id)); // the next one asks again
    for (const oldest of [...this.#problems.keys()].slice(0, -KEPT)) this.#problems.delete(oldest);
    return problem;
  }
}

/** One slot, as its owner sees it. */
class Slot {
  isBroken = false;
  #thread;
  #problem;
  #evaluated;
  /** Who waits for the unit. @type {{resolve: (result: any) => void, reject: (error: Error) => void} | null} */
  #asked = null;

  /** @param {Start} start @param {(id: string) => Promise<any>} problem @param {(routes: number) => void} evaluated */
  constructor(start, problem, evaluated) {
    this.#problem = problem;
    this.#evaluated = evaluated;
    this.#thread = start(
      (message) => this.#heard(message),
      (error) => this.#broke(error),
    );
  }

  /** @param {import("./unit.js").Unit} unit @returns {Promise<any>} */
  compute(unit) {
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject };
      this.#thread.post({ unit });
    });
  }

  end() {
    this.#thread.end();
    this.#broke(new Error("the slot was closed"));
  }

  /** @param {any} message */
  #heard({ need, routes, result, error }) {
    if (need !== undefined) {
      this.#problem(need).then(
        (problem) => this.#thread.post({ problem }),
        (failure) => this.#settle((asked) => asked.reject(failure)),
      );
    }
    if (routes !== undefined) this.#evaluated(routes);
    if (result !== undefined) this.#settle((asked) => asked.resolve(result));
    if (error !== undefined) this.#settle((asked) => asked.reject(new MeshError(error.uri, error.message, error.facts)));
  }

  /** @param {Error} error */
  #broke(error) {
    this.isBroken = true;
    this.#settle((asked) => asked.reject(new MeshError("deltamesh.error.computation_failed", `anneal: ${error.message}`, { retry: true })));
  }

  /** @param {(asked: {resolve: (result: any) => void, reject: (error: Error) => void}) => void} how */
  #settle(how) {
    const asked = this.#asked;
    this.#asked = null;
    if (asked) how(asked);
  }
}
