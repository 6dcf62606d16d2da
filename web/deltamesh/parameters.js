/**
 * Live parameters: values that people keep in a git repository, as objects that are always readable and follow it.
 *
 *     const parameters = new Parameters({ url: "ws://127.0.0.1:8080/ws", service: "com.example.parameters", client: wampy(Wampy) });
 *     const limit = parameters.get("payment.limits.daily.eur", 5, { type: "integer" });
 *     limit.value                                     // at once: the default, or what an earlier run has kept
 *     limit.onchange = ({ value, source, commit }) => …
 *
 * @typedef {import("./holding.js").Type} Type
 * @typedef {import("./holding.js").Reading} Reading
 * @typedef {{now: () => number, after: (milliseconds: number, call: () => void) => () => void}} Clock `after` gives what takes it back
 */

import { pause, waitBefore } from "./backoff.js";
import { Cache } from "./cache.js";
import { MeshError } from "./errors.js";
import { Holder } from "./holder.js";
import { Holding, SILENT_FOR, View } from "./holding.js";
import { Link } from "./link.js";
import { safely } from "./live.js";
import { Mesh } from "./mesh.js";
import { Pages } from "./pages.js";
import { Parameter } from "./parameter.js";
import { isType, mismatch, typeOf } from "./types.js";

/** A name has segments with dots between them, without blanks and what cannot be printed, and is not longer than this. [characters] */
const LONGEST_NAME = 200;
const NAME = /^[^.\p{Z}\p{C}]+(\.[^.\p{Z}\p{C}]+)*$/u;

/** @type {Clock} */
const SYSTEM = {
  now: () => performance.now(),
  after: (milliseconds, call) => {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** The parameters of a service. Connects by itself, again for ever, until it is closed. */
export class Parameters {
  /** The service, for its other resources and procedures, over the same connection. @type {Mesh} */
  mesh;
  /** Called with this when `reading` is news. @type {((parameters: Parameters) => void) | null} */
  onreading = null;

  #link;
  /** Whether nobody else uses the connection. */
  #isOwn;
  #clock;
  #report;
  #holding;
  #pages;
  #cache;
  #holder;
  #closing = new AbortController();
  /** @type {Map<View, Parameter>} */
  #parameters = new Map();
  /** @type {Set<() => void>} */
  #waiting = new Set();
  #kept = 0;
  /** When the reader was heard last, in this session. @type {number | null} */
  #heardAt = null;
  /** @type {{at: number, cancel: () => void} | null} */
  #tick = null;

  /**
   * @param {object} what
   * @param {string} what.service for example "com.example.parameters"
   * @param {string} [what.url] of the router's WebSocket
   * @param {string} [what.realm]
   * @param {import("./session.js").Client} [what.client] `wampy(Wampy)` or `autobahn(autobahn)`
   * @param {Link} [what.link] instead of `url`, `realm` and `client`; it stays open when this is closed
   * @param {import("./cache.js").Storage | null} [what.storage] where values are kept for the next start: `localStorage` in pages, nothing in
   *   Node.js, where `fileStorage(path)` is for it
   * @param {string} [what.name] of this client, for the census and in the storage: by default the path of the page or the program
   * @param {string} [what.host] where it runs, for the census
   * @param {(message: string, error: unknown) => void} [what.report] told of what cannot be kept or told
   * @param {Clock} [what.clock]
   */
  constructor({ service, url = "", realm = "realm1", client, link, storage, name, host, report = warn, clock = SYSTEM }) {
    const here = whereabouts();
    const who = { client: (name ?? here.client).slice(0, 100), kind: here.kind, host: (host ?? here.host).slice(0, 100) };
    this.service = service;
    this.#clock = clock;
    this.#report = report;
    this.#cache = new Cache({ storage: storage === undefined ? ownStorage(report) : storage, service, name: who.client, report, clock });
    this.#holding = new Holding(this.#cache.read());
    this.#isOwn = link === undefined;
    this.#link = link ?? new Link(client ? () => client({ url, realm }) : null);
    this.mesh = new Mesh(this.#link, service);
    this.#holder = new Holder(service, who, () => this.#holding, clock, report);
    this.#pages = new Pages((names) => this.mesh.watch("chosen", { names }), (each) => this.#holding.has(each), {
      content: (id, entries, position) => this.#changed(this.#holding.content(id, entries, position, clock.now())),
      live: (id) => this.#changed(this.#holding.live(id, clock.now())),
      lost: (id) => this.#changed(this.#holding.lost(id, clock.now())),
      closed: (id) => this.#holding.closed(id),
      refused: (names, why) => this.#changed(this.#holding.refused(names, why)),
    });
    this.#keep();
  }

  /** What the reader has said last; null: nothing yet. @returns {Reading | null} */
  get reading() {
    return this.#holding.reading;
  }

  /** Why not everything is current, as far as is known; null: nothing is wrong. @returns {string | null} */
  get problem() {
    if (this.#closing.signal.aborted) return "it was closed";
    if (this.mesh.status !== "open") return this.mesh.error?.message ?? "there is no connection to the router yet";
    return this.#pages.problem ?? this.#holding.problem;
  }

  /**
   * A parameter. Returns at once, also while there is no connection; equal names share what is asked of the service.
   *
   * @param {string} name for example "payment.limits.daily.eur"
   * @param {any} [fallback] its value as long as nothing else is known
   * @param {{type?: Type}} [options] type: a value of another one is not used, and is an error of the parameter; a function says whether it
   *   takes a value. Unless it is given, the type of the default; anything if that is null
   * @returns {Parameter}
   * @throws {TypeError} there can be no parameter of this name, or the default is not of the type
   */
  get(name, fallback = null, { type = typeOf(fallback) } = {}) {
    if (!isName(name)) throw new TypeError(`not a name of a parameter: ${String(name).slice(0, LONGEST_NAME)}`);
    if (!isType(type)) throw new TypeError(`${name}: not a type: ${String(type)}`);
    const unfit = fallback === null ? null : mismatch(fallback, type);
    if (unfit !== null) throw new TypeError(`${name}, its default: ${unfit}`);
    if (this.#closing.signal.aborted) throw closed();
    const view = new View(name, fallback, type);
    const parameter = new Parameter(view, () => this.#drop(view));
    this.#parameters.set(view, parameter);
    if (this.#holding.want(view)) {
      this.#pages.add(name);
      this.#holder.renamed();
    }
    return parameter;
  }

  /**
   * Resolves when the service has answered about all names that were asked for, and its reader has spoken, or was silent for 5 s.
   *
   * @param {{timeout?: number}} [options] [ms]
   * @returns {Promise<void>} rejects with a `MeshError` when that takes too long
   */
  ready({ timeout = 30_000 } = {}) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const isClosed = this.#closing.signal.aborted;
        if (!isClosed && !this.#holding.isReady) return;
        this.#waiting.delete(look);
        cancel();
        if (isClosed) reject(closed());
        else resolve();
      };
      const cancel = this.#clock.after(timeout, () => {
        this.#waiting.delete(look);
        reject(new MeshError("deltamesh.web.timeout", `${this.service} did not answer within ${timeout / 1000} s`));
      });
      this.#waiting.add(look);
      look();
    });
  }

  /** Close everything; the connection as well, unless it was given. Values stay readable; what changed last is kept. */
  close() {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#tick?.cancel();
    this.#holder.end();
    this.#pages.close();
    this.#cache.flush();
    for (const view of this.#parameters.keys()) this.#holding.drop(view);
    if (this.#isOwn) this.mesh.close();
    else for (const live of [...this.mesh.lives]) live.close();
    for (const look of [...this.#waiting]) look();
  }

  /** In each session: hear the reader, tell the census. */
  async #keep() {
    const { signal } = this.#closing;
    const ended = new Promise((/** @type {(nothing: null) => void} */ resolve) => signal.addEventListener("abort", () => resolve(null), { once: true }));
    for (let attempt = 0; !signal.aborted; attempt++) {
      const joined = await Promise.race([this.#link.joined(), ended]);
      if (joined === null) return;
      const topic = `${this.service}.on_reading`;
      let isLost = false;
      const hear = (/** @type {any[]} */ _, /** @type {{[name: string]: any}} */ kwargs) => this.#heard(kwargs);
      try {
        this.#heardAt = null;
        this.#holder.begin(joined.session);
        this.#changed(this.#holding.listening(this.#clock.now()));
        await Promise.race([joined.topics.add(topic, hear), joined.over]);
        attempt = 0;
        await Promise.race([joined.over, ended]);
        if (!this.#isOwn) await joined.topics.remove(topic, hear); // the session goes on, for others
      } catch (error) {
        isLost = /** @type {MeshError} */ (error).uri === "deltamesh.web.lost";
        if (!isLost && !signal.aborted) this.#report("the reader cannot be heard", error);
      } finally {
        this.#holder.end();
        this.#holding.deaf();
      }
      // The link takes its time before it connects again; the first moment of a session is not to be missed.
      if (isLost) await Promise.race([joined.over.catch(() => undefined), ended]);
      else await pause(waitBefore(attempt), signal);
    }
  }

  /** @param {{[name: string]: any}} kwargs */
  #heard({ head = null, good = null, number = null, is_current, problem = null }) {
    if (this.#closing.signal.aborted) return;
    const now = this.#clock.now();
    if (this.#heardAt === null || now - this.#heardAt > SILENT_FOR) this.#holder.asked();
    this.#heardAt = now;
    const reading = { head, good, number, is_current: is_current === true, problem };
    this.#changed(this.#holding.heard(reading, now));
    safely(() => this.onreading?.(this));
  }

  /** @param {View} view */
  #drop(view) {
    this.#parameters.delete(view);
    if (!this.#holding.drop(view) || this.#closing.signal.aborted) return;
    this.#pages.tidy();
    this.#holder.renamed();
  }

  /** @param {View[]} views */
  #changed(views) {
    if (this.#closing.signal.aborted) return;
    if (this.#kept !== this.#holding.version) {
      this.#kept = this.#holding.version;
      this.#cache.write(() => this.#holding.news);
      this.#holder.renewed();
    }
    this.#planTick();
    for (const view of views) {
      const parameter = this.#parameters.get(view);
      if (parameter) safely(() => parameter.onchange?.(parameter));
    }
    for (const look of [...this.#waiting]) look();
  }

  #planTick() {
    const now = this.#clock.now();
    const at = this.#holding.deadline(now);
    if (at === (this.#tick?.at ?? null)) return;
    this.#tick?.cancel();
    this.#tick = at === null ? null : { at, cancel: this.#clock.after(at - now, () => this.#elapse()) };
  }

  #elapse() {
    this.#tick = null;
    this.#changed(this.#holding.tick(this.#clock.now()));
  }
}

/** Whether a parameter can have this name. @param {unknown} name @returns {name is string} */
export function isName(name) {
  return typeof name === "string" && name.length <= 2 * LONGEST_NAME && [...name].length <= LONGEST_NAME && NAME.test(name);
}

function closed() {
  return new MeshError("deltamesh.web.closed", "the parameters were closed");
}

/** @param {string} message @param {unknown} error */
function warn(message, error) {
  console.warn(`deltamesh: ${message}:`, /** @type {Error} */ (error)?.message ?? error);
}

/** The storage of a page; none elsewhere. @param {(message: string, error: unknown) => void} report @returns {import("./cache.js").Storage | null} */
function ownStorage(report) {
  if (!("document" in globalThis)) return null;
  try {
    return globalThis.localStorage;
  } catch (error) {
    report("this page may keep nothing", error);
    return null;
  }
}

/** What the census is told of this program, as long as it says nothing better itself. */
function whereabouts() {
  if ("document" in globalThis) return { client: location.pathname, kind: "browser", host: navigator.userAgent };
  const { process } = /** @type {any} */ (globalThis);
  const client = String(process?.argv[1] ?? "program").split(/[\\/]/).at(-1) ?? "program";
  return { client, kind: "node", host: String(process?.getBuiltinModule?.("node:os").hostname() ?? process?.platform ?? "") };
}
