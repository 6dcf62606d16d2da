/**
 * What a client holds of the parameters: one machine for all of its names.
 *
 * Pure: it knows no connection, no clock and no storage. Events go in (a name is wanted, a page has content, a page is lost, the reader
 * was heard, time passes), and what goes out are the views that have changed. Times are handed in. [ms]
 *
 * @typedef {"default" | "cache" | "live" | "stale"} Source where a value comes from. "default": nothing else is known, or the service has no
 *   such parameter; "cache": from an earlier run; "live": what the service has now; "stale": the last good value that the service had, but
 *   it is not certain that it still is the newest
 * @typedef {{value: any, commit: string, number: number}} Entry what the service has of a name; the number counts commits from 0
 * @typedef {import("./types.js").Type} Type
 * @typedef {import("./messages.js").Position} Position
 * @typedef {{is_current: boolean, head: string | null, good: string | null, number: number | null, problem: string | null}} Reading what the
 *   reader says of itself each second
 */

import { same } from "./entries.js";
import { frozen, mismatch } from "./types.js";

/** How long a page may be without its follower before its values are stale. [ms] */
export const LOST_FOR = 500;
/** How long the reader may be silent before all values are stale. [ms] */
export const SILENT_FOR = 5_000;
/** What is said against a reader that is still writing, as long as it names no problem: this passes by itself. */
export const CATCHING_UP = "the reader is behind the repository";

/** One use of a name: with its default and its type. What it shows is read, and changed by the machine alone. */
export class View {
  /** @type {Source} */
  source = "default";
  /** The commit that has last changed the value that is shown; null: it is the default. @type {string | null} */
  commit = null;
  /** Why the newest value is not shown. @type {string | null} */
  error = null;
  /** Whether this is what the service says now: a live value, or the default because it has no such parameter. */
  isCurrent = false;
  /** The newest value of this type. @type {Entry | null} */
  good = null;

  /** @param {string} name @param {any} fallback @param {Type} [type] */
  constructor(name, fallback, type) {
    this.name = name;
    this.fallback = fallback;
    this.type = type;
    this.value = fallback;
  }
}

/**
 * @typedef {object} Held a name that is wanted
 * @property {Set<View>} views
 * @property {Entry | "none" | "restricted" | null} told by the service, last; null: nothing yet
 * @property {string | null} refused why the service does not tell of it
 * @property {number | null} page that tells of it
 * @property {Position | null} floor what an earlier page had told up to here is newer than what comes before
 * @property {boolean} isDoubted the service has it no more, but has perhaps lost it, and is being written again
 *
 * @typedef {{isLive: boolean, lostAt: number, position: Position, names: Set<string>, isCertain: boolean}} Page
 */

/** The machine. */
export class Holding {
  /** @type {Map<string, Held>} */
  #held = new Map();
  /** Of earlier runs, and what is known now. @type {Map<string, Entry>} */
  #cache;
  /** What is to be kept of this run. @type {Map<string, Entry | null>} */
  #news = new Map();
  /** @type {Map<number, Page>} */
  #pages = new Map();
  /** When the reader counts as silent, if it can be heard then; null: it counts so already. @type {number | null} */
  #silentAt = null;
  #isSilent = false;
  #isDeaf = true;
  /** It was given time because it could not be heard: once, until it speaks again. */
  #isGranted = false;
  /** The reader has said in this session, of this epoch, that all is written: what is not there is gone. */
  #isWritten = false;
  /** Of the content that was shown last. @type {string | null} */
  #epoch = null;
  /** @type {Reading | null} */
  reading = null;
  /** Counts changes of `news`. */
  version = 0;

  /** @param {Iterable<[string, Entry]>} [cached] of an earlier run */
  constructor(cached = []) {
    this.#cache = new Map(cached);
  }

  /** The names that are wanted, sorted. @returns {string[]} */
  get names() {
    return [...this.#held.keys()].sort();
  }

  /** Whether `name` is wanted. @param {string} name */
  has(name) {
    return this.#held.has(name);
  }

  /** Whether the service speaks of all names that are wanted, and the reader has spoken as well, or was given its time to. */
  get isReady() {
    return [...this.#held.values()].every(({ told, refused, page, isDoubted }) => {
      const isTold = isDoubted ? this.#isSilent : told !== null && (this.reading !== null || this.#isSilent);
      return isTold && refused === null && page !== null && this.#pages.get(page)?.isLive === true;
    });
  }

  /** The newest commit of what is held. @returns {{commit: string, number: number} | null} */
  get newest() {
    /** @type {Entry | null} */
    let newest = null;
    for (const { told } of this.#held.values()) {
      if (told !== null && typeof told === "object" && told.number > (newest?.number ?? -1)) newest = told;
    }
    return newest && { commit: newest.commit, number: newest.number };
  }

  /** What this run has to keep for the next one; null: there is nothing of this name any more. @returns {ReadonlyMap<string, Entry | null>} */
  get news() {
    return this.#news;
  }

  /** Show a name in a view from now on. @param {View} view @returns {boolean} whether the name is new */
  want(view) {
    const known = this.#held.get(view.name);
    const held = known ?? { views: new Set(), told: null, refused: null, page: null, floor: null, isDoubted: false };
    this.#held.set(view.name, held);
    held.views.add(view);
    take(this.#cache.get(view.name) ?? null, view);
    take(held.told, view);
    this.#show(held, view);
    return known === undefined;
  }

  /** The view is not needed any more, and changes no more. @param {View} view @returns {boolean} whether nobody wants the name now */
  drop(view) {
    if (view.source === "live") view.source = "stale";
    view.isCurrent = false;
    const held = this.#held.get(view.name);
    if (!held?.views.delete(view) || held.views.size > 0) return false;
    this.#held.delete(view.name);
    if (held.page !== null) this.#pages.get(held.page)?.names.delete(view.name);
    return true;
  }

  /**
   * A page has content: all of its names the first time, then what has changed.
   *
   * @param {number} id of the page
   * @param {Iterable<[string, any]>} entries names with what the service has of them: undefined for none
   * @param {Position} position where the page stands now
   * @param {number} now
   * @returns {View[]}
   */
  content(id, entries, position, now) {
    const page = this.#pages.get(id) ?? { isLive: true, lostAt: 0, position, names: new Set(), isCertain: true };
    this.#pages.set(id, page);
    page.position = position;
    if (this.#epoch !== position[0]) [this.#isWritten, this.#epoch] = [this.#isWritten && this.#epoch === null, position[0]];
    const changed = this.live(id, now);
    for (const [name, entry] of entries) {
      const held = this.#held.get(name);
      if (!held) continue;
      if (held.page !== id) this.#move(held, name, id);
      if (held.floor !== null && isBefore(position, held.floor)) continue;
      held.floor = null;
      const told = readEntry(entry);
      held.isDoubted = told === "none" && !this.#isWritten && (this.#cache.has(name) || (held.told !== null && typeof held.told === "object"));
      changed.push(...(held.isDoubted ? this.#showAll(held) : this.#tell(name, held, told)));
    }
    return [...new Set(changed)];
  }

  /** The follower of a page answers (again). @param {number} id @param {number} now */
  live(id, now) {
    const page = this.#pages.get(id);
    if (page) page.isLive = true;
    return this.tick(now);
  }

  /** A page has lost its follower or the connection. @param {number} id @param {number} now */
  lost(id, now) {
    const page = this.#pages.get(id);
    if (page?.isLive) [page.isLive, page.lostAt] = [false, now];
    return this.tick(now);
  }

  /** A page is needed no more: another one has its names, or nobody wants them. @param {number} id */
  closed(id) {
    this.#pages.delete(id);
  }

  /**
   * The service does not tell of these names, and says why.
   *
   * @param {string[]} names @param {string} why @returns {View[]}
   */
  refused(names, why) {
    const changed = [];
    for (const name of names) {
      const held = this.#held.get(name);
      if (!held) continue;
      held.refused = why;
      changed.push(...this.#showAll(held));
    }
    return changed;
  }

  /** From now on the reader can be heard. It is given time to speak, once: a connection that comes and goes hides nothing. @param {number} now @returns {View[]} */
  listening(now) {
    this.#isWritten = false;
    this.#isDeaf = false;
    if (!this.#isSilent && !this.#isGranted) [this.#isGranted, this.#silentAt] = [true, now + SILENT_FOR];
    return this.tick(now);
  }

  /** It cannot: the connection is lost, and pages tell that. */
  deaf() {
    this.#isDeaf = true;
  }

  /** The reader has said how it is. @param {Reading} reading @param {number} now @returns {View[]} */
  heard(reading, now) {
    this.reading = reading;
    this.#isSilent = this.#isGranted = false;
    this.#silentAt = now + SILENT_FOR;
    const changed = this.tick(now);
    if (!reading.is_current) return changed; // but what was there before is still written
    this.#isWritten = true;
    for (const [name, held] of this.#held) {
      if (!held.isDoubted) continue;
      held.isDoubted = false;
      changed.push(...this.#tell(name, held, "none"));
    }
    return [...new Set(changed)];
  }

  /** Time has passed. @param {number} now @returns {View[]} */
  tick(now) {
    if (!this.#isDeaf && this.#silentAt !== null && now >= this.#silentAt) [this.#isSilent, this.#silentAt] = [true, null];
    const isHeard = !this.#isSilent && this.reading?.is_current === true;
    const changed = [];
    for (const page of this.#pages.values()) {
      const isCertain = isHeard && (page.isLive || now < page.lostAt + LOST_FOR);
      if (page.isCertain === isCertain) continue;
      page.isCertain = isCertain;
      for (const name of page.names) changed.push(...this.#showAll(/** @type {Held} */ (this.#held.get(name))));
    }
    return changed;
  }

  /** Why not everything is current, as far as the reader is concerned; null: nothing is known against it. @returns {string | null} */
  get problem() {
    if (this.#isSilent) return `the reader was not heard for ${SILENT_FOR / 1000} s`;
    return this.reading === null || this.reading.is_current ? null : (this.reading.problem ?? CATCHING_UP);
  }

  /** When `tick` is needed next, if nothing else happens; null: not before something else does. @param {number} now @returns {number | null} */
  deadline(now) {
    const times = [...this.#pages.values()].filter(({ isLive }) => !isLive).map(({ lostAt }) => lostAt + LOST_FOR);
    if (!this.#isDeaf && this.#silentAt !== null) times.push(this.#silentAt);
    const coming = times.filter((time) => time > now);
    return coming.length > 0 ? Math.min(...coming) : null;
  }

  /** Let `name` be told of by another page. @param {Held} held @param {string} name @param {number} id */
  #move(held, name, id) {
    const before = held.page === null ? undefined : this.#pages.get(held.page);
    if (before) {
      before.names.delete(name);
      if (held.floor === null || !isBefore(before.position, held.floor)) held.floor = before.position;
    }
    held.page = id;
    /** @type {Page} */ (this.#pages.get(id)).names.add(name);
  }

  /** @param {string} name @param {Held} held @param {Held["told"]} told null: it cannot be read @returns {View[]} */
  #tell(name, held, told) {
    held.refused = told === null ? "not {value, commit, number}: is that a service of parameters?" : null;
    if (told !== null) {
      held.told = told;
      for (const view of held.views) take(told, view);
      this.#remember(name, held);
    }
    return this.#showAll(held);
  }

  /** Keep for the next run what all views take; what the service does not tell any more is not kept either. @param {string} name @param {Held} held */
  #remember(name, { told, views }) {
    const cached = this.#cache.get(name);
    if (told === null || typeof told === "string") {
      // What another client has kept meanwhile is taken away only if there is no doubt.
      const isSure = this.#cache.delete(name) || this.#isWritten || told === "restricted";
      if (!isSure || this.#news.get(name) === null) return;
      this.#news.set(name, null);
    } else {
      if (same(cached, told) || ![...views].every(({ good }) => good === told)) return;
      this.#cache.set(name, told);
      this.#news.set(name, told);
    }
    this.version += 1;
  }

  /** @param {Held} held @returns {View[]} those that have changed */
  #showAll(held) {
    return [...held.views].filter((view) => this.#show(held, view));
  }

  /** @param {Held} held */
  #isCertain({ page, refused, isDoubted }) {
    return refused === null && !isDoubted && page !== null && this.#pages.get(page)?.isCertain === true;
  }

  /** @param {Held} held @param {View} view @returns {boolean} whether anything is new */
  #show(held, view) {
    const { told, refused } = held;
    const { good } = view;
    const isNewest = good !== null && good === told;
    const isCertain = this.#isCertain(held);
    /** @type {Source} */
    const source = good === null ? "default" : told === null ? "cache" : isNewest && isCertain ? "live" : "stale";
    const before = [view.value, view.source, view.commit, view.error, view.isCurrent];
    [view.value, view.commit] = good === null ? [view.fallback, null] : [good.value, good.commit];
    view.source = source;
    view.isCurrent = isCertain && (isNewest || told === "none");
    view.error = refused === null ? whyNot(told ?? this.#cache.get(view.name) ?? null, view) : `${view.name}: ${refused}`;
    return !same(before, [view.value, view.source, view.commit, view.error, view.isCurrent]);
  }
}

/** Take over what was told, if it is of the view's type. @param {Held["told"]} told @param {View} view */
function take(told, view) {
  if (told === null) return;
  if (typeof told === "string") view.good = null;
  else if (mismatch(told.value, view.type) === null) view.good = told;
}

/** @param {Held["told"]} told @param {View} view @returns {string | null} */
function whyNot(told, view) {
  if (told === "restricted") return `${view.name}: it is restricted, and this role may not have it`;
  if (told === null || typeof told === "string" || view.good === told) return null;
  return `${view.name}: the value of commit ${told.commit.slice(0, 12)} is not used: ${mismatch(told.value, view.type)}`;
}

/** @param {any} entry @returns {Held["told"]} null: it is of another shape */
function readEntry(entry) {
  if (entry === undefined) return "none";
  if (entry?.restricted === true) return "restricted";
  const { value, commit, number } = entry ?? {};
  return value !== undefined && typeof commit === "string" && Number.isSafeInteger(number) ? { value: frozen(value), commit, number } : null;
}

/** Whether `a` is earlier in the same history. @param {Position} a @param {Position} b */
function isBefore([epoch, revision], [other, later]) {
  return epoch === other && revision < later;
}
