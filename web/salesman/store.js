/**
 * What the page knows: what it follows, what it shows of that, and the searches that it has asked for.
 *
 * @typedef {import("../page/plain.js").Seen} Seen
 * @typedef {import("./own.js").City} City
 * @typedef {{kind: "newest"} | {kind: "chosen"} | {kind: "search", id: string}} View what the map shows: the newest search of anybody, the
 *   instance that the controls have chosen, or one search
 * @typedef {object} State
 * @property {string} link state of the connection
 * @property {{[key: string]: Seen}} seen
 * @property {View} view
 * @property {{id: string, slot: number}[]} compared searches beside the shown one, and which colour each has
 * @property {string} instance what the controls have chosen: the name of a known problem behind "known:", "world" or "own"
 * @property {string} world how many cities of the world they have chosen
 * @property {City[]} own cities that the reader has placed
 * @property {string[]} mine searches that this page has begun
 * @property {string[]} stopping those that it has asked to end
 * @property {boolean} starting whether one is on its way
 */

import { follow } from "../page/mesh.js";
import { NOTHING_SEEN } from "../page/plain.js";
import { Store } from "../page/store.js";
import { compareToggled, shownOf, wantedOf } from "./derive.js";
import { kept } from "./own.js";

const OWN_KEY = "deltamesh.salesman.own";
/** How long after the budget an answer is waited for. [ms] */
const LATE = 30_000;

/** @extends {Store<State>} */
export class Salesman extends Store {
  #mesh;
  /** @type {Map<string, import("../deltamesh.js").Live>} */
  #lives = new Map();
  /** What ends the searches of this page. @type {Map<string, AbortController>} */
  #endings = new Map();
  /** @type {AbortController | null} */
  #starting = null;
  /** What this page has searched last, and on what. */
  #last = { id: "", problem: "" };

  /** @param {import("../deltamesh.js").Mesh} mesh */
  constructor(mesh) {
    const own = kept(localStorage.getItem(OWN_KEY));
    super({ link: mesh.status, seen: {}, view: { kind: "newest" }, compared: [], instance: "", world: "", own, mine: [], stopping: [], starting: false });
    this.#mesh = mesh;
    mesh.onstatus = () => this.set({ link: mesh.status });
  }

  /** @param {Partial<State>} parts */
  set(parts) {
    super.set(parts);
    this.#followWanted();
  }

  /** @param {string} id */
  show(id) {
    this.set({ view: { kind: "search", id } });
  }

  /** Compare a search with the shown one, or no longer. @param {string} id */
  compare(id) {
    this.set({ compared: compareToggled(this.state.compared, id) });
  }

  /** @param {City[]} own */
  keep(own) {
    localStorage.setItem(OWN_KEY, JSON.stringify(own));
    this.set({ own });
  }

  /**
   * Search. Resolves when the search has ended, whoever ended it; rejects with what the orchestrator says against it.
   *
   * @param {import("./request.js").Request} request
   */
  async start(request) {
    const ending = (this.#starting = new AbortController());
    /** @type {string | null} */
    let id = null;
    const onpart = (/** @type {any} */ part) => {
      if (id !== null || typeof part?.search !== "string") return;
      id = part.search;
      this.#begun(part.search, JSON.stringify(request[0]), ending);
    };
    this.set({ starting: true });
    try {
      onpart(await this.#mesh.run("solve", request, { onpart, signal: ending.signal, limit: 1_000 * request[1] + LATE }));
    } catch (error) {
      if (!ending.signal.aborted) throw error;
    } finally {
      if (this.#starting === ending) this.#starting = null;
      if (id !== null) this.#endings.delete(id);
      const others = (/** @type {string[]} */ ids) => ids.filter((each) => each !== id);
      this.set({ starting: this.#starting !== null, mine: others(this.state.mine), stopping: others(this.state.stopping) });
    }
  }

  /** Stop a search of this page, or the one that is on its way. @param {string | null} id */
  stop(id) {
    if (id === null) return this.#starting?.abort();
    this.#endings.get(id)?.abort();
    this.set({ stopping: [...this.state.stopping, id] });
  }

  /** The search of this page that Stop means: the shown one, else the latest. @returns {string | null} */
  get stoppable() {
    const { mine, stopping } = this.state;
    const going = mine.filter((id) => !stopping.includes(id));
    const shown = shownOf(this.state);
    return going.find((id) => id === shown) ?? going.at(-1) ?? null;
  }

  /**
   * Show a search that has just begun. The one before it stays in the plot if it was of the same problem, else the plot is cleared.
   *
   * @param {string} id @param {string} problem @param {AbortController} ending
   */
  #begun(id, problem, ending) {
    this.#endings.set(id, ending);
    this.#starting = null;
    const last = this.#last;
    this.#last = { id, problem };
    const { compared, mine } = this.state;
    const isCompared = compared.some((each) => each.id === last.id);
    const isSame = last.problem === problem;
    const beside = isCompared ? compared : compareToggled(compared, last.id);
    this.set({ starting: false, mine: [...mine, id], view: { kind: "search", id }, compared: isSame ? beside : [] });
  }

  #followWanted() {
    const wanted = wantedOf(this.state);
    const keys = new Set(wanted.map(([key]) => key));
    const gone = [...this.#lives.keys()].filter((key) => !keys.has(key));
    for (const key of gone) {
      const live = this.#lives.get(key);
      this.#lives.delete(key);
      live?.close();
    }
    for (const [key, resource, params] of wanted) if (!this.#lives.has(key)) this.#follow(key, resource, params);
    if (gone.length > 0) super.set({ seen: Object.fromEntries(Object.entries(this.state.seen).filter(([key]) => keys.has(key))) });
  }

  /** @param {string} key @param {string} resource @param {object} params */
  #follow(key, resource, params) {
    const live = follow(this.#mesh, resource, params, (seen) => {
      if (this.#lives.get(key) === live) this.set({ seen: { ...this.state.seen, [key]: seen } });
    });
    this.#lives.set(key, live);
    super.set({ seen: { ...this.state.seen, [key]: NOTHING_SEEN } });
  }
}
