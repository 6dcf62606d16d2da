/**
 * A worker: computes what other components hand to it, as many calls at a time as it has slots, and tells its load each second.
 *
 *     const worker = new MeshWorker({ url, client: wampy(Wampy), service: "com.example.salesman", task: "anneal", handler, concurrency: 4,
 *       load: () => ({ name: "browser-3f2a", kind: "browser", host: "Android, Firefox", cpu: null, routes: 0 }) });
 *     await worker.drain();
 *
 * The handler should compute elsewhere (a Web Worker, a thread): while it keeps this one busy, nobody hears anything of this worker.
 *
 * @typedef {import("./link.js").Joined} Joined
 * @typedef {import("./session.js").Client} Client
 * @typedef {"connecting" | "working" | "refused" | "draining" | "closed"} WorkerStatus
 */

import { pause, waitBefore } from "./backoff.js";
import { MeshError } from "./errors.js";
import { Link } from "./link.js";

/** Time between two loads. [ms] */
export const INTERVAL = 1_000;

/** A worker for one task of a service. It connects again for ever, until it is closed. */
export class MeshWorker {
  /** @type {WorkerStatus} */
  status = "connecting";
  /** Why it is not working. @type {Error | null} */
  error = null;
  /** Calls under way, and calls that were answered with a result. */
  busy = 0;
  units = 0;
  /** Called with this worker when its status changes, or a call begins or ends. @type {(worker: MeshWorker) => void} */
  onchange = () => undefined;

  #link;
  #task;
  #topic;
  #handler;
  #load;
  #closing = new AbortController();
  /** The registration of the present session. @type {{joined: Joined, registration: any} | null} */
  #registered = null;
  /** @type {(() => void)[]} */
  #idle = [];
  #stopClock;

  /**
   * @param {object} what
   * @param {string} what.service
   * @param {string} what.task its name: the procedure is `<service>.<task>`
   * @param {(kwargs: {[name: string]: any}) => Promise<any>} what.handler computes one call; rejects with a `MeshError` that the caller gets
   * @param {number} what.concurrency calls that it takes at a time
   * @param {() => {[name: string]: any}} what.load what else the load tells: name, kind, host, cpu and counts per second
   * @param {string} [what.url] of the router's WebSocket
   * @param {string} [what.realm]
   * @param {Client} [what.client]
   * @param {Link} [what.link] instead of `url`, `realm` and `client`
   * @param {(tick: () => void) => () => void} [what.clock] calls `tick` each second until the function that it returns is called
   */
  constructor({ service, task, handler, concurrency, load, url = "", realm = "realm1", client, link, clock = everySecond }) {
    this.concurrency = concurrency;
    this.#link = link ?? new Link(client ? () => client({ url, realm }) : null);
    this.#task = `${service}.${task}`;
    this.#topic = `${service}.on_load`;
    this.#handler = handler;
    this.#load = load;
    this.#stopClock = clock(() => this.#tell());
    this.#link.watchers.add(({ status, error }) => {
      if (status !== "connecting") return;
      this.#registered = null;
      this.#become("connecting", error);
    });
    this.#keep();
  }

  /** The session that it works in; null while there is none. */
  get session() {
    return this.#registered?.joined.session ?? null;
  }

  /** Call a procedure of the mesh, once. @param {string} uri @param {any[]} args @returns {Promise<any>} */
  async call(uri, args) {
    return (await this.#link.joined()).call(uri, args, {});
  }

  /** Take no new calls, finish those under way, and leave. */
  async drain() {
    if (this.status === "closed") return;
    this.#become("draining", null);
    const registered = this.#registered;
    this.#registered = null;
    this.#closing.abort();
    if (registered) {
      try {
        await Promise.race([registered.joined.session.unregister(registered.registration), registered.joined.over]);
      } catch (error) {
        if (/** @type {MeshError} */ (error).uri !== "deltamesh.web.lost") throw error;
      }
    }
    if (this.busy > 0) await new Promise((/** @type {(nothing: void) => void} */ resolve) => this.#idle.push(resolve));
    await pause(0); // the last answer goes first
    this.close();
  }

  /** Leave at once: the router gives what is under way to others. */
  close() {
    if (this.status === "closed") return;
    this.#closing.abort();
    this.#registered = null;
    this.#stopClock();
    this.#link.close();
    this.#become("closed", null);
  }

  /** Register anew in each session. */
  async #keep() {
    const { signal } = this.#closing;
    const ended = new Promise((/** @type {(nothing: null) => void} */ resolve) => {
      signal.addEventListener("abort", () => resolve(null), { once: true });
    });
    for (let attempt = 0; !signal.aborted; attempt++) {
      const joined = await Promise.race([this.#link.joined(), ended]);
      if (joined === null) return;
      try {
        const options = /** @type {const} */ ({ invoke: "roundrobin", concurrency: this.concurrency });
        const registering = joined.session.register(this.#task, (_, kwargs) => this.#answer(kwargs), options);
        const registration = await Promise.race([registering, joined.over]);
        if (signal.aborted) return;
        this.#registered = { joined, registration };
        this.#become("working", null);
        this.#tell();
        attempt = -1;
        await Promise.race([joined.over, ended]);
      } catch (error) {
        if (signal.aborted) return;
        this.#registered = null;
        const isLost = error instanceof MeshError && error.uri === "deltamesh.web.lost";
        if (!isLost) this.#become("refused", /** @type {Error} */ (error)); // the link tells of the other
        await pause(waitBefore(Math.max(0, attempt)), signal);
      }
    }
  }

  /** @param {{[name: string]: any}} kwargs */
  async #answer(kwargs) {
    this.busy += 1;
    this.onchange(this);
    try {
      const result = await this.#handler(kwargs);
      this.units += 1;
      return result;
    } finally {
      this.busy -= 1;
      this.onchange(this);
      if (this.busy === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Publish the load. */
  #tell() {
    const registered = this.#registered;
    const { concurrency, units } = this;
    const load = { ...this.#load(), concurrency, busy: Math.min(this.busy, concurrency), units };
    if (!registered) return;
    registered.joined.session.publish(this.#topic, [], load).catch((error) => {
      if (this.#registered === registered) this.error = error; // told where the worker is shown; it works all the same
    });
  }

  /** @param {WorkerStatus} status @param {Error | null} error */
  #become(status, error) {
    if (this.status === "draining" && status !== "closed") return;
    this.status = status;
    this.error = error;
    this.onchange(this);
  }
}

/** @param {() => void} tick */
function everySecond(tick) {
  const timer = setInterval(tick, INTERVAL);
  return () => clearInterval(timer);
}
