/**
 * The connection to the router: opened again for ever, and the one place where calls are made and repeated.
 *
 * @typedef {import("./session.js").Session} Session
 * @typedef {"connecting" | "open" | "closed"} LinkStatus
 */

import { pause, waitBefore } from "./backoff.js";
import { MeshError, cancelled, lost, timeout } from "./errors.js";
import { Pulse } from "./pulse.js";
import { Topics } from "./topics.js";

/** How long one call may take before it counts as lost. [ms] */
const ANSWER_LIMIT = 30_000;
/** Tries after which the waits between them grow no longer: a leader that takes over is found within a second. */
const LAST_WAIT = 2;

/** One session of a link: what is asked of it fails when it is over. */
export class Joined {
  /** @type {(error: Error) => void} */
  #reject = () => undefined;
  #pulse = new Pulse(
    () => this.#alive(),
    () => this.#die(),
  );

  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    this.topics = new Topics(session, () => this.#pulse.beat());
    /** Rejects when the session is over. @type {Promise<never>} */
    this.over = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.over.catch(() => undefined); // nobody has to be waiting for it
    session.ended.then((reason) => this.end(lost(reason)));
  }

  /** Resolves when the router has answered, which it does to everybody: a role that may not call this is told so. */
  async #alive() {
    try {
      await this.session.call("deltamesh.web.alive", [], {});
    } catch (error) {
      if (/** @type {MeshError} */ (error).uri === "deltamesh.web.lost") throw error;
    }
  }

  #die() {
    this.end(lost("the router does not answer"));
    this.session.close();
  }

  /** @param {Error} error */
  end(error) {
    this.#pulse.stop();
    this.#reject(error);
  }

  /**
   * Call once.
   *
   * @param {string} uri
   * @param {any[]} args
   * @param {{[name: string]: any}} kwargs
   * @param {(part: any) => void} [onpart] takes progressive results
   * @param {{signal?: AbortSignal, limit?: number}} [options] signal: asks the callee to end; limit: how long the answer may take [ms]
   * @returns {Promise<any>}
   */
  async call(uri, args, kwargs, onpart, { signal, limit = ANSWER_LIMIT } = {}) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(timeout(uri, limit)), limit);
    });
    const heard = () => this.#pulse.beat();
    const part = onpart && ((/** @type {any} */ value) => (heard(), onpart(value)));
    const answer = this.session.call(uri, args, kwargs, part, signal);
    answer.then(heard, () => undefined);
    try {
      return await Promise.race([answer, this.over, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A connection that is always being kept. */
export class Link {
  /** @type {LinkStatus} */
  status = "connecting";
  /** Why it is not open. @type {Error | null} */
  error = null;
  /** Sessions that were opened; more than 1 after a reconnection. */
  sessions = 0;
  /** Called with this link when its status changes. @type {Set<(link: Link) => void>} */
  watchers = new Set();

  #closing = new AbortController();
  /** @type {Joined | null} */
  #current = null;
  /** @type {((joined: Joined) => void)[]} */
  #waiting = [];

  /** @param {(() => Promise<Session>) | null} open opens a fresh connection; null: the owner gives sessions with `use` */
  constructor(open) {
    if (open) this.#keep(open);
  }

  /** @param {() => Promise<Session>} open */
  async #keep(open) {
    for (let attempt = 0; !this.#closing.signal.aborted; attempt++) {
      try {
        const joined = this.use(await open());
        attempt = 0;
        await joined?.over;
      } catch (error) {
        this.#lose(/** @type {Error} */ (error));
      }
      await pause(waitBefore(attempt), this.#closing.signal);
    }
  }

  /** Take `session` from now on; what was asked of the one before counts as lost. @param {Session} session @returns {Joined | null} null: closed */
  use(session) {
    if (this.#closing.signal.aborted) {
      session.close();
      return null;
    }
    this.#current?.end(lost("another session took over"));
    const joined = new Joined(session);
    joined.over.catch((error) => {
      if (this.#current === joined) this.#lose(error);
    });
    this.#current = joined;
    this.sessions += 1;
    this.#become("open", null);
    for (const give of this.#waiting.splice(0)) give(joined);
    return joined;
  }

  /** @param {Error} error */
  #lose(error) {
    this.#current = null;
    if (this.status !== "closed" && this.error !== error) this.#become("connecting", error);
  }

  /** @param {LinkStatus} status @param {Error | null} error */
  #become(status, error) {
    this.status = status;
    this.error = error;
    for (const watcher of [...this.watchers]) watcher(this);
  }

  /** The session, as soon as there is one. @returns {Promise<Joined>} */
  joined() {
    return this.#current ? Promise.resolve(this.#current) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Run `attempt` with the session until it succeeds, fails for good, or `patience` is over.
   *
   * @template T
   * @param {number} patience [ms]
   * @param {(joined: Joined) => Promise<T>} attempt
   * @returns {Promise<T>}
   */
  async persist(patience, attempt) {
    const ending = AbortSignal.any([AbortSignal.timeout(patience), this.#closing.signal]);
    /** @type {Error} */
    let reason = this.error ?? lost("there is no connection to the router");
    for (let tries = 0; !ending.aborted; tries++) {
      const joined = await Promise.race([this.joined(), aborted(ending)]);
      if (!joined) break;
      try {
        return await attempt(joined);
      } catch (error) {
        reason = /** @type {Error} */ (error);
        if (!(error instanceof MeshError) || !error.retry) throw error;
      }
      await pause(waitBefore(Math.min(tries, LAST_WAIT)), ending);
    }
    throw reason;
  }

  /**
   * Run `attempt` with the session, once, as soon as there is one.
   *
   * @template T
   * @param {(joined: Joined) => Promise<T>} attempt
   * @param {AbortSignal} [signal] ends the waiting for a session
   * @returns {Promise<T>}
   */
  async once(attempt, signal) {
    const joined = await Promise.race([this.joined(), aborted(AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]))]);
    if (signal?.aborted) throw cancelled();
    if (!joined) throw lost("the mesh was closed");
    return attempt(joined);
  }

  /** Close for good. */
  close() {
    if (this.status === "closed") return;
    this.#closing.abort();
    const last = this.#current;
    this.#current = null;
    last?.end(lost("the mesh was closed"));
    last?.session.close();
    this.#become("closed", null);
  }
}

/** @param {AbortSignal} signal @returns {Promise<null>} */
function aborted(signal) {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}
