/**
 * What the page knows: what it follows, which parameter is chosen, who looks, and what is being changed.
 *
 * @typedef {import("../page/plain.js").Seen} Seen
 * @typedef {import("../deltamesh.js").Mesh} Mesh
 * @typedef {import("../deltamesh.js").Parameters} Parameters
 * @typedef {{name: string, value: any, source: string, commit: string | null, error: string | null}} Held a parameter, as this page has it
 * @typedef {"browser" | "administrator"} Role
 * @typedef {object} State
 * @property {string} link state of the connection
 * @property {{problem: string | null, reading: import("../deltamesh/holding.js").Reading | null}} reader
 * @property {{[key: string]: Seen}} seen by key: tree, state, commits, public, history, census
 * @property {string} query
 * @property {string[]} toggled groups of the tree that are not as they were at first
 * @property {string | null} chosen the parameter that is shown closely
 * @property {Held | null} held it, as a client of this page
 * @property {Held[]} kept those that the reader keeps an eye on
 * @property {Role} role
 * @property {boolean} signingIn
 * @property {import("./edit.js").Edit | null} edit
 * @property {import("./edit.js").Reverting | null} reverting
 * @property {string} done what was committed last, in words
 */

import { follow } from "../page/mesh.js";
import { NOTHING_SEEN } from "../page/plain.js";
import { Store } from "../page/store.js";
import { isName } from "../deltamesh.js";
import { MOST_CHANGES, MOST_COMMITS } from "./derive.js";

const KEPT_KEY = "deltamesh.parameters.kept";
const MOST_KEPT = 20;
/** How long a change may take: until it is in the repository, has been read and is written. [ms] */
const PATIENCE = 60_000;

/** @returns {string[]} */
function storedNames() {
  try {
    const stored = JSON.parse(localStorage.getItem(KEPT_KEY) ?? "[]");
    return Array.isArray(stored) ? [...new Set(stored.filter(isName))].slice(0, MOST_KEPT) : [];
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DOMException) return []; // written by something else, or not allowed: begin anew
    throw error;
  }
}

/** Keep the names for the next visit, where the browser allows it and has room. @param {string[]} names */
function storeNames(names) {
  try {
    localStorage.setItem(KEPT_KEY, JSON.stringify(names));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // else they are kept as long as the page is open
  }
}

/** @extends {Store<State>} */
export class ParametersPage extends Store {
  #parameters;
  #signIn;
  /** @type {{[role in Role]: Mesh | null}} */
  #meshes;
  /** @type {Map<string, {asked: string, role: Role | null, live: import("../deltamesh.js").Live}>} */
  #lives = new Map();
  /** @type {Map<string, import("../deltamesh.js").Parameter>} */
  #kept = new Map();
  /** @type {import("../deltamesh.js").Parameter | null} */
  #chosen = null;

  /** @param {Parameters} parameters @param {(ticket: string) => Promise<Mesh>} signIn */
  constructor(parameters, signIn) {
    super({
      link: parameters.mesh.status, reader: { problem: null, reading: null }, seen: {}, query: "", toggled: [], chosen: null, held: null, kept: [],
      role: "browser", signingIn: false, edit: null, reverting: null, done: "",
    });
    this.#parameters = parameters;
    this.#signIn = signIn;
    this.#meshes = { browser: parameters.mesh, administrator: null };
    parameters.mesh.onstatus = () => this.look();
    parameters.onreading = () => this.look();
    this.#followAll();
    for (const name of storedNames()) this.#keep(name);
  }

  /** Look how connection and reader are. */
  look() {
    const { problem, reading } = this.#parameters;
    const { link, reader } = this.state;
    const { status } = this.#parameters.mesh;
    const isSame = reader.reading?.head === reading?.head && reader.reading?.is_current === reading?.is_current;
    if (link !== status || reader.problem !== problem || !isSame) this.set({ link: status, reader: { problem, reading } });
  }

  /** Show one parameter closely; null: none. @param {string | null} name */
  choose(name) {
    if (name === this.state.chosen) return;
    const before = this.#chosen;
    const parameter = name === null ? null : this.#parameters.get(name);
    this.#chosen = parameter;
    this.set({ chosen: name, held: parameter && heldOf(parameter), edit: null, done: "" });
    if (parameter) parameter.onchange = () => this.#chosen === parameter && this.set({ held: heldOf(parameter) });
    before?.close();
    this.#followAll();
  }

  /** Open a group of the tree, or close it. @param {string} path */
  toggle(path) {
    const { toggled } = this.state;
    this.set({ toggled: toggled.includes(path) ? toggled.filter((each) => each !== path) : [...toggled, path] });
  }

  /** Keep an eye on a parameter, or no longer. @param {string} name */
  keep(name) {
    if (this.#kept.has(name)) {
      this.#kept.get(name)?.close();
      this.#kept.delete(name);
    } else if (this.#kept.size < MOST_KEPT) this.#keep(name);
    storeNames([...this.#kept.keys()]);
    this.#showKept();
  }

  /** Become an administrator. @param {string} ticket */
  async enter(ticket) {
    this.set({ signingIn: true });
    try {
      this.#meshes.administrator = await this.#signIn(ticket);
    } finally {
      this.set({ signingIn: false });
    }
    this.set({ role: "administrator" });
    this.#followAll();
  }

  /** Be an administrator no longer. */
  leave() {
    const mesh = this.#meshes.administrator;
    this.#meshes.administrator = null;
    this.set({ role: "browser", edit: null, reverting: null, done: "" });
    this.#followAll();
    mesh?.close();
  }

  /** Call a procedure of the repository, as an administrator. @param {"preview" | "change" | "revert"} procedure @param {any[]} args @returns {Promise<any>} */
  repository(procedure, args) {
    const mesh = this.#meshes.administrator;
    if (!mesh) throw new Error("Sign in first.");
    return mesh.run(`repository.${procedure}`, args, { limit: PATIENCE });
  }

  /** @param {string} name */
  #keep(name) {
    const parameter = this.#parameters.get(name);
    this.#kept.set(name, parameter);
    parameter.onchange = () => this.#showKept();
    this.#showKept();
  }

  #showKept() {
    this.set({ kept: [...this.#kept.values()].map(heldOf) });
  }

  #followAll() {
    const { role, chosen } = this.state;
    this.#follow("tree", role, "tree", {});
    this.#follow("state", role, "state", {});
    this.#follow("commits", "browser", "commits", { limit: MOST_COMMITS });
    this.#follow("public", role === "administrator" ? "browser" : null, "tree", {});
    this.#follow("history", chosen === null ? null : role, "history", { name: chosen, limit: MOST_CHANGES });
    this.#follow("census", chosen === null ? null : role, "census", { name: chosen });
  }

  /**
   * Follow a resource under `key` in place of what was followed there. What is shown stays until the answer, unless it is of another name, or
   * of a right that is given up: that vanishes at once, whether anybody answers or not.
   *
   * @param {string} key @param {Role | null} role null: follow nothing @param {string} resource @param {{[name: string]: any}} params
   */
  #follow(key, role, resource, params) {
    const asked = JSON.stringify([role, resource, params]);
    const before = this.#lives.get(key);
    if (before?.asked === asked || (!before && role === null)) return;
    before?.live.close();
    this.#lives.delete(key);
    const mesh = role && this.#meshes[role];
    if (!mesh) return this.#see(key, NOTHING_SEEN);
    const isAllowed = before?.role !== "administrator" || role === "administrator";
    const isSame = before !== undefined && isAllowed && JSON.stringify(before.live.params) === JSON.stringify(params);
    const meanwhile = isSame ? (this.state.seen[key] ?? NOTHING_SEEN) : NOTHING_SEEN;
    this.#see(key, meanwhile);
    const live = follow(mesh, resource, params, (seen) => {
      if (this.#lives.get(key)?.live !== live) return;
      const isAnswered = seen.opened || seen.status === "closed";
      this.#see(key, isAnswered ? seen : { ...seen, entries: meanwhile.entries, opened: meanwhile.opened });
    });
    this.#lives.set(key, { asked, role, live });
  }

  /** @param {string} key @param {Seen} seen */
  #see(key, seen) {
    this.set({ seen: { ...this.state.seen, [key]: seen } });
  }
}

/** @param {import("../deltamesh.js").Parameter} parameter @returns {Held} */
function heldOf({ name, value, source, commit, error }) {
  return { name, value, source, commit, error };
}
