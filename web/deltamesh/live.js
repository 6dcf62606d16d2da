/**
 * A live collection: the shell around a subscriber. It calls `open`, listens, shows, and reports what really differs.
 *
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./messages.js").Position} Position
 * @typedef {import("./messages.js").Answer} Answer
 * @typedef {import("./link.js").Joined} Joined
 * @typedef {"waiting" | "live" | "closed"} LiveStatus
 * @typedef {{entries: Entry[], changed: any[]}} Change changed: the keys that really differ, the removed ones as well, in key order
 * @typedef {Answer & {topic: string, gone: string, follower: string}} Opened
 * @typedef {object} Source what a live collection needs of its mesh
 * @property {() => Promise<Joined>} joined
 * @property {(joined: Joined, position: Position | null, atLeast: Position | null, procedure: string | null) => Promise<Opened>} open
 *   procedure: of the follower that is to answer, null for any
 * @property {(from: number, position: Position) => void} shown a delta has changed what is shown
 * @property {(live: Live) => void} closed
 */

import { pause, waitBefore } from "./backoff.js";
import { Entries } from "./entries.js";
import { MeshError, silent } from "./errors.js";
import { readEntries, readEvent } from "./messages.js";
import { Subscriber } from "./subscriber.js";

/** After a follower has left, its clients spread their questions to the others over this time. [ms] */
const SPREAD = 250;
/** A follower greets each new subscription, and repeats its position, within these times; if not, it is gone. The first doubles with each time in a row. [ms] */
const SILENCE = { first: 5_000, later: 75_000 };
/** Asks in a row, without a delta between them, that are not slowed down. */
const FREE_ASKS = 2;

/** Entries of one resource instance that follow the service. Made by `Mesh.live` and `Mesh.watch`. */
export class Live {
  /** @type {LiveStatus} */
  status = "waiting";
  /** Why it is waiting or closed. @type {Error | null} */
  error = null;
  /** The name of the follower that answers. @type {string | null} */
  follower = null;
  /** How often `open` has answered, how many deltas were applied, and how often something was missing. */
  counts = { opened: 0, deltas: 0, gaps: 0 };
  /** Settled by the first content, or rejected by an error that no repetition mends. @type {Promise<Live>} */
  ready;

  #source;
  #atLeast;
  #subscriber = new Subscriber();
  #content = new Entries();
  #closing = new AbortController();
  /** The session of the present stay. @type {Joined | null} */
  #joined = null;
  /** Ends the present stay. @type {(why: Error | null) => void} */
  #leave = () => undefined;
  /** What is listened to, and on which session. @type {{joined: Joined, handlers: Map<string, (args: any[]) => void>, gone: string} | null} */
  #place = null;
  #asks = 0;
  /** What the next ask calls, if a follower has named it. @type {string | null} */
  #next = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silence;
  /** Whether anything has come from the present place. */
  #greeted = false;
  /** Places in a row that nothing has come from. */
  #ungreeted = 0;
  /** @type {(live: Live) => void} */
  #fulfil = () => undefined;
  /** @type {(error: Error) => void} */
  #refuse = () => undefined;
  /** @type {((change: Change) => void) | null} */
  #onchange = null;
  /** @type {((live: Live) => void) | null} */
  #onstatus = null;

  /**
   * @param {Source} source
   * @param {string} resource
   * @param {{[name: string]: any}} params
   * @param {Position | null} [atLeast] the first content is at least here
   */
  constructor(source, resource, params, atLeast = null) {
    this.#source = source;
    this.resource = resource;
    this.params = params;
    this.#atLeast = atLeast;
    this.ready = new Promise((resolve, reject) => {
      this.#fulfil = resolve;
      this.#refuse = reject;
    });
    this.ready.catch(() => undefined); // the error is in `error` as well: nobody has to wait for this one
    this.#run();
  }

  /** What is shown, in key order; a new list after every change. @returns {Entry[]} */
  get entries() {
    return this.#content.list();
  }

  /** How many keys are shown. */
  get size() {
    return this.#content.size;
  }

  /** Where `entries` stands; null before the first answer. */
  get position() {
    return this.#subscriber.position;
  }

  /** Called after each change. If there is content when it is set, it is soon told of all of it, once. */
  get onchange() {
    return this.#onchange;
  }

  set onchange(handler) {
    this.#onchange = handler;
    if (handler === null || this.counts.opened === 0) return;
    queueMicrotask(() => this.#onchange === handler && this.#tell(this.entries.map(([key]) => key)));
  }

  /** Called when `status`, `error` or `follower` changes, and soon after it is set. */
  get onstatus() {
    return this.#onstatus;
  }

  set onstatus(handler) {
    this.#onstatus = handler;
    queueMicrotask(() => this.#onstatus === handler && handler?.(this));
  }

  /** Follow no more. What is shown stays as it is. */
  close() {
    this.#end(null);
  }

  async #run() {
    while (this.status !== "closed") {
      const joined = await this.#source.joined();
      if (this.#closing.signal.aborted) return;
      const why = await this.#stay(joined);
      if (this.#closing.signal.aborted) return;
      clearTimeout(this.#silence);
      this.#joined = null;
      this.#subscriber.lost();
      this.#become("waiting", why);
      if (why === null) await pause(Math.random() * SPREAD, this.#closing.signal);
    }
  }

  /** Follow on one session, until it is over (the reason) or the follower leaves (null). @param {Joined} joined @returns {Promise<Error | null>} */
  #stay(joined) {
    return new Promise((resolve) => {
      this.#leave = resolve;
      this.#joined = joined;
      joined.over.catch(resolve);
      this.#do(this.#subscriber.connected());
    });
  }

  /** @param {import("./subscriber.js").Output[]} outputs */
  #do(outputs) {
    for (const output of outputs) {
      if (output.kind === "ask") this.#ask(output);
      else if (!this.#show(output)) return;
    }
  }

  /** @param {import("./subscriber.js").Show} output @returns {boolean} false if it could not be used, and the whole is asked for */
  #show({ kind, entries }) {
    let changed;
    try {
      const changes = entries.flatMap(readEntries);
      changed = kind === "replace" ? this.#content.replace(changes) : this.#content.apply(changes);
    } catch (error) {
      this.#useless(error);
      return false;
    }
    if (changed.length > 0 || this.counts.opened === 1) this.#tell(changed); // the first content is told of even if it is empty
    return true;
  }

  /** @param {import("./subscriber.js").Ask} ask */
  async #ask({ number, position, pause: useless }) {
    const joined = /** @type {Joined} */ (this.#joined);
    const stale = () => this.#joined !== joined || this.#closing.signal.aborted;
    const slow = useless || this.#asks > FREE_ASKS;
    this.#asks += 1;
    const named = this.#next;
    this.#next = null;
    try {
      if (slow) await pause(waitBefore(this.#asks - FREE_ASKS), this.#closing.signal);
      if (stale()) return;
      const answer = await this.#source.open(joined, position, this.#atLeast, named);
      if (stale()) return;
      const outputs = this.#subscriber.answer(number, answer.topic, answer);
      const usable = outputs.some((output) => output.kind !== "ask");
      if (usable) await this.#enter(joined, answer, outputs);
      else this.#do(outputs);
    } catch (error) {
      if (stale()) return;
      if (named === null && /** @type {any} */ (error)?.retry !== true) return this.#end(/** @type {Error} */ (error));
      this.#become("waiting", /** @type {Error} */ (error));
      this.#do(this.#subscriber.ask());
    }
  }

  /** Show an answer and listen where it says. @param {Joined} joined @param {Opened} answer @param {import("./subscriber.js").Output[]} outputs */
  async #enter(joined, answer, outputs) {
    this.#atLeast = null;
    this.counts.opened += 1;
    this.follower = answer.follower;
    const listening = this.#listen(joined, answer.topic, answer.gone);
    if (this.counts.opened === 1) this.#fulfil(this);
    this.#do(outputs);
    await listening;
    if (this.#joined === joined && !this.#closing.signal.aborted && this.#subscriber.state === "live") this.#become("live", null);
  }

  /** Subscribe to what is new, then let go of what is needed no more. @param {Joined} joined @param {string} topic @param {string} gone */
  async #listen(joined, topic, gone) {
    const before = this.#place?.joined === joined ? this.#place.handlers : new Map();
    const handlers = new Map([
      [topic, before.get(topic) ?? ((/** @type {any[]} */ args) => this.#receive(topic, args))],
      [gone, before.get(gone) ?? ((/** @type {any[]} */ args) => this.#place?.gone === gone && this.#gone(args))],
    ]);
    this.#place = { joined, handlers, gone };
    this.#greeted = false;
    this.#expect(SILENCE.later);
    const [anew] = await Promise.race([Promise.all([...handlers].map(([uri, handler]) => joined.topics.add(uri, handler))), joined.over]);
    if (anew && !this.#greeted) this.#expect(Math.min(SILENCE.first * 2 ** this.#ungreeted, SILENCE.later));
    for (const [uri, handler] of before) {
      if (!handlers.has(uri)) forget(joined, uri, handler);
    }
    if (this.#closing.signal.aborted) for (const [uri, handler] of handlers) forget(joined, uri, handler);
  }

  /**
   * The follower leaves. Or it only hands over the instances of some topics, to whoever answers a procedure, and goes on until then.
   *
   * @param {any[]} args
   */
  async #gone([topics, procedure]) {
    if (!Array.isArray(topics)) return this.#leave(null);
    const place = this.#place;
    if (!topics.some((topic) => place?.handlers.has(topic))) return;
    await pause(Math.random() * SPREAD, this.#closing.signal);
    if (this.#joined === null || this.#place !== place || this.#subscriber.state !== "live") return;
    this.#next = typeof procedure === "string" ? procedure : null;
    this.#do(this.#subscriber.ask());
  }

  /** Leave the follower if it sends nothing for so long. @param {number} milliseconds */
  #expect(milliseconds) {
    clearTimeout(this.#silence);
    if (this.#closing.signal.aborted) return;
    this.#silence = setTimeout(() => {
      this.#ungreeted = Math.min(this.#ungreeted + 1, 8);
      this.#leave(silent(this.follower ?? "the follower", milliseconds));
    }, milliseconds);
  }

  /** @param {string} topic @param {any[]} args */
  #receive(topic, args) {
    if (this.#closing.signal.aborted || this.#subscriber.state === "disconnected") return;
    this.#greeted = true;
    this.#ungreeted = 0;
    this.#expect(SILENCE.later);
    let event;
    try {
      event = readEvent(args);
    } catch (error) {
      return this.#useless(error);
    }
    const outputs = this.#subscriber.receive(topic, event);
    this.#do(outputs);
    if (outputs[0]?.kind === "ask") this.counts.gaps += 1;
    if (outputs[0]?.kind === "apply") {
      this.counts.deltas += 1;
      this.#asks = 0;
      if (event.entries !== "[]") this.#source.shown(event.from, outputs[0].position);
    }
  }

  /** What came could not be used: nothing of it is shown, and the whole is asked for. @param {unknown} error */
  #useless(error) {
    this.#become("waiting", /** @type {Error} */ (error));
    this.#do(this.#subscriber.ask(true));
  }

  /** @param {Error | null} error */
  #end(error) {
    if (this.status === "closed") return;
    this.#closing.abort();
    clearTimeout(this.#silence);
    for (const [uri, handler] of this.#place?.handlers ?? []) forget(/** @type {any} */ (this.#place).joined, uri, handler);
    this.#leave(null);
    this.#refuse(error ?? new MeshError("deltamesh.web.closed", `${this.resource} was closed`));
    this.#become("closed", error);
    this.#source.closed(this);
  }

  /** @param {LiveStatus} status @param {Error | null} error */
  #become(status, error) {
    this.status = status;
    this.error = error;
    safely(() => this.#onstatus?.(this));
  }

  /** @param {any[]} changed */
  #tell(changed) {
    safely(() => this.#onchange?.({ entries: this.entries, changed }));
  }
}

/** Call a handler of the application. Its error is reported like that of any event handler; the collection goes on. @param {() => void} call */
export function safely(call) {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** Unsubscribe. If that fails the session is over, and the subscription with it. @param {Joined} joined @param {string} uri @param {(args: any[]) => void} handler */
function forget(joined, uri, handler) {
  joined.topics.remove(uri, handler).catch(() => undefined);
}
