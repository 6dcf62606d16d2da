/**
 * One service, as a page uses it: live collections, reading once, actions.
 *
 * @typedef {import("./messages.js").Position} Position
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./link.js").Joined} Joined
 * @typedef {{[name: string]: any}} Params
 */

import { Latency } from "./latency.js";
import { Live } from "./live.js";
import { malformed, readAnswer, readEntries } from "./messages.js";

/** How long a read, or a call of an action, is repeated while the service is away: longer than it takes to replace a leader. [ms] */
const PATIENCE = { read: 10_000, call: 30_000 };

/** A service of the mesh. Made by `connect` and `Mesh.of`. */
export class Mesh {
  /** Live collections that are not closed, the oldest first. @type {Set<Live>} */
  lives = new Set();
  /**
   * Measured last [ms]: `answer`, from a call to its result; `delta`, from sending a write of this page until a delta has
   * brought it back. null: not measured yet.
   */
  latency = { answer: /** @type {number | null} */ (null), delta: /** @type {number | null} */ (null) };
  /** Called with this mesh after each measurement. @type {((mesh: Mesh) => void) | null} */
  onlatency = null;

  #link;
  #matcher = new Latency();
  /** @type {((mesh: Mesh) => void) | null} */
  #onstatus = null;
  #watcher = () => this.#onstatus?.(this);

  /** @param {import("./link.js").Link} link @param {string} service */
  constructor(link, service) {
    this.#link = link;
    this.service = service;
    link.watchers.add(this.#watcher);
  }

  /** The state of the connection to the router: "connecting" (also: again), "open" or "closed". */
  get status() {
    return this.#link.status;
  }

  /** Why the connection is not open. */
  get error() {
    return this.#link.error;
  }

  /** Sessions that were opened so far. */
  get sessions() {
    return this.#link.sessions;
  }

  /** Called when `status` changes, and soon after it is set. */
  get onstatus() {
    return this.#onstatus;
  }

  set onstatus(handler) {
    this.#onstatus = handler;
    queueMicrotask(() => this.#onstatus === handler && handler?.(this));
  }

  /** Another service over the same connection. @param {string} service */
  of(service) {
    return new Mesh(this.#link, service);
  }

  /** Give the next session, if the application keeps the connection itself. @param {import("./session.js").Session} session */
  use(session) {
    this.#link.use(session);
  }

  /**
   * Follow a resource. Returns at once; the collection waits for its first content as long as it takes.
   *
   * @param {string} resource
   * @param {Params} [params]
   * @param {{atLeast?: Position}} [options] atLeast: the first content is at least at this position (read your write)
   */
  watch(resource, params = {}, { atLeast } = {}) {
    /** @type {import("./live.js").Source} */
    const source = {
      joined: () => this.#link.joined(),
      open: (joined, position, reach, procedure) => this.#open(joined, procedure, resource, params, position, reach),
      shown: (from, position) => this.#measure("delta", ...this.#matcher.shown(from, position, performance.now())),
      closed: (live) => this.lives.delete(live),
    };
    const live = new Live(source, resource, params, atLeast);
    this.lives.add(live);
    return live;
  }

  /**
   * Follow a resource. Resolves with its first content; rejects with an error that no repetition mends.
   *
   * @param {string} resource
   * @param {Params} [params]
   * @param {{atLeast?: Position}} [options]
   * @returns {Promise<Live>}
   */
  live(resource, params, options) {
    return this.watch(resource, params, options).ready;
  }

  /**
   * Read a resource once, or one key of it.
   *
   * @param {string} resource
   * @param {Params} [params]
   * @param {{key?: any, atLeast?: Position, patience?: number}} [options] patience [ms]
   * @returns {Promise<{entries: Entry[], position: Position}>}
   */
  read(resource, params = {}, { key, atLeast, patience = PATIENCE.read } = {}) {
    const kwargs = { ...(key !== undefined && { key }), ...(atLeast && { at_least: atLeast }) };
    return this.#link.persist(patience, async (joined) => {
      /** @type {string[]} */
      const parts = [];
      const value = await this.#ask(joined, `${this.service}.read`, [resource, params], kwargs, parts);
      const { epoch, revision, entries } = readAnswer({ ...value, from: null }, parts);
      return { entries: entries.flatMap(readEntries), position: [epoch, revision] };
    });
  }

  /**
   * Carry out an action, once: it is repeated under one idempotency key until its answer is known or patience is over.
   * Then the error's `retry` is true, and nobody knows whether it happened.
   *
   * @param {string} action
   * @param {any[] | Params} [args] positional, or by name
   * @param {{patience?: number, idempotencyKey?: string}} [options] patience [ms]; a key of your own, to go on repeating later
   * @returns {Promise<{result: any, position: Position}>}
   */
  call(action, args = [], { patience = PATIENCE.call, idempotencyKey = randomKey() } = {}) {
    const [positional, named] = Array.isArray(args) ? [args, {}] : [[], args];
    return this.#link.persist(patience, async (joined) => {
      const sent = performance.now();
      const value = await this.#ask(joined, `${this.service}.${action}`, positional, { ...named, idempotency_key: idempotencyKey });
      const { epoch, revision } = readAnswer({ ...value, from: null, entries: "[]" });
      this.#measure("delta", this.#matcher.wrote([epoch, revision], sent));
      return { result: value.result, position: [epoch, revision] };
    });
  }

  /**
   * Call a procedure of the service that works for some time: once, and with what it has so far.
   * Waits for a connection first. If that is lost, so is the call, and the procedure is told that nobody waits.
   *
   * @param {string} procedure
   * @param {any[]} args
   * @param {object} [options]
   * @param {(part: any) => void} [options.onpart] takes progressive results
   * @param {AbortSignal} [options.signal] asks the procedure to end; it may still answer with what it has
   * @param {number} [options.limit] how long the answer may take [ms]
   * @returns {Promise<any>}
   */
  run(procedure, args, { onpart, signal, limit } = {}) {
    return this.#link.once((joined) => joined.call(`${this.service}.${procedure}`, args, {}, onpart, { signal, limit }), signal);
  }

  /** Close everything, the connection as well. */
  close() {
    for (const live of [...this.lives]) live.close();
    this.#link.close();
  }

  /**
   * @param {Joined} joined
   * @param {string | null} procedure of the follower that is to answer, null for any
   * @param {string} resource
   * @param {Params} params
   * @param {Position | null} position
   * @param {Position | null} atLeast
   */
  async #open(joined, procedure, resource, params, position, atLeast) {
    const kwargs = { ...(position && { position }), ...(atLeast && { at_least: atLeast }) };
    /** @type {string[]} */
    const parts = [];
    const value = await this.#ask(joined, procedure ?? `${this.service}.open`, [resource, params], kwargs, parts);
    const { topic, gone, follower } = value ?? {};
    if (typeof topic !== "string" || typeof gone !== "string") throw malformed("answer", "topic and gone are strings");
    return { ...readAnswer(value, parts), topic, gone, follower: String(follower) };
  }

  /**
   * Call a procedure of the service.
   *
   * @param {Joined} joined
   * @param {string} uri
   * @param {any[]} args
   * @param {Params} kwargs
   * @param {string[]} [parts] takes the entries of a large result's first parts
   */
  async #ask(joined, uri, args, kwargs, parts) {
    const sent = performance.now();
    const value = await joined.call(uri, args, kwargs, parts && ((part) => parts.push(part.entries)));
    this.#measure("answer", performance.now() - sent);
    return value;
  }

  /** @param {"answer" | "delta"} what @param {(number | null)[]} times */
  #measure(what, ...times) {
    const last = times.at(-1);
    if (last === undefined || last === null) return;
    this.latency[what] = last;
    this.onlatency?.(this);
  }
}

/** 32 characters that nobody guesses. `crypto.randomUUID` would need https outside of this machine. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
