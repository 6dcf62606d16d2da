/**
 * The names of a client, spread over a few instances of the resource `chosen`: few enough to be cheap, small enough that a change reaches
 * only those who hold something near it.
 *
 * Names that are wanted in one turn go together. The last page, while it is not full, is opened anew with what has been added; the old one
 * is closed when the new one has its content, so that there is no moment without a value.
 *
 * @typedef {{id: number, names: string[], live: import("./live.js").Live, hasContent: boolean, before: OpenPage | null}} OpenPage before: the one
 *   that it takes the place of
 * @typedef {object} Told what is told of the pages; each has a number
 * @property {(id: number, entries: [string, any][], position: import("./messages.js").Position) => void} content all names of a page at first, then
 *   what has changed; undefined: the service has no such name
 * @property {(id: number) => void} live
 * @property {(id: number) => void} lost
 * @property {(id: number) => void} closed
 * @property {(names: string[], why: string) => void} refused
 */

import { pause, waitBefore } from "./backoff.js";

/** Names in one page, and how long their texts may be together [bytes]: what the service takes is a little more. */
export const MOST = Object.freeze({ names: 400, bytes: 12_000 });

const utf8 = new TextEncoder();
/** @param {string} name */
const sizeOf = (name) => utf8.encode(name).length + 3; // quotes and a comma

/**
 * Spread names over as few pages as their order allows.
 *
 * @param {string[]} names @returns {string[][]}
 */
export function spread(names) {
  /** @type {string[][]} */
  const pages = [];
  let bytes = 0;
  for (const name of names) {
    const last = pages.at(-1);
    const size = sizeOf(name);
    if (last && last.length < MOST.names && bytes + size <= MOST.bytes) {
      last.push(name);
      bytes += size;
    } else {
      pages.push([name]);
      bytes = size;
    }
  }
  return pages;
}

/** Whether a page takes another name of usual length. @param {string[]} names */
function hasRoom(names) {
  return names.length < MOST.names && names.reduce((sum, name) => sum + sizeOf(name), 0) < MOST.bytes - 250;
}

/** The open pages. */
export class Pages {
  #open;
  #isWanted;
  #told;
  /** The oldest first. @type {OpenPage[]} */
  #pages = [];
  /** Names that are in no page yet. @type {Set<string>} */
  #pending = new Set();
  #isPlanned = false;
  #closing = new AbortController();
  #last = 0;
  #failures = 0;
  /** Why the service has refused a page, last. @type {string | null} */
  #problem = null;

  /**
   * @param {(names: string[]) => import("./live.js").Live} open follows the resource
   * @param {(name: string) => boolean} isWanted
   * @param {Told} told
   */
  constructor(open, isWanted, told) {
    this.#open = open;
    this.#isWanted = isWanted;
    this.#told = told;
  }

  /** How many are open. */
  get size() {
    return this.#pages.length;
  }

  /** Why a page has nothing new, as far as is known; null: all do what they should. @returns {string | null} */
  get problem() {
    return this.#problem ?? this.#pages.find(({ live }) => live.status !== "live" && live.error)?.live.error?.message ?? null;
  }

  /** Follow a name, from the end of this turn on. @param {string} name */
  add(name) {
    this.#pending.add(name);
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    queueMicrotask(() => {
      this.#isPlanned = false;
      this.#flush();
    });
  }

  /** Close the pages of which nobody wants anything. */
  tidy() {
    for (const page of [...this.#pages]) if (!page.names.some((name) => this.#isWanted(name))) this.#close(page);
    this.#flush();
  }

  /** Close all. */
  close() {
    this.#closing.abort();
    for (const page of [...this.#pages]) this.#close(page);
  }

  #flush() {
    const last = this.#pages.at(-1);
    if (this.#closing.signal.aborted || (last && !last.hasContent)) return; // one at a time: what is added meanwhile goes together
    const added = [...this.#pending].filter((name) => this.#isWanted(name));
    this.#pending.clear();
    if (added.length === 0) return;
    const carried = last && hasRoom(last.names) ? last.names.filter((name) => this.#isWanted(name)) : [];
    const [first, ...others] = spread([...new Set([...carried, ...added])]);
    this.#start(first, carried.length > 0 ? /** @type {OpenPage} */ (last) : null);
    for (const names of others) this.#start(names, null);
  }

  /** @param {string[]} names @param {OpenPage | null} before */
  #start(names, before) {
    const live = this.#open(names);
    const page = { id: ++this.#last, names, live, hasContent: false, before };
    this.#pages.push(page);
    live.onchange = ({ entries, changed }) => this.#content(page, entries, changed);
    live.onstatus = () => {
      if (!this.#pages.includes(page)) return;
      if (live.status === "closed") this.#failed(page);
      else if (page.hasContent) live.status === "live" ? this.#told.live(page.id) : this.#told.lost(page.id);
    };
  }

  /** @param {OpenPage} page @param {import("./entries.js").Entry[]} entries @param {any[]} changed */
  #content(page, entries, changed) {
    if (!this.#pages.includes(page)) return;
    const values = new Map(entries.map(([name, [value]]) => [name, value]));
    const names = page.hasContent ? changed : page.names;
    page.hasContent = true;
    this.#failures = 0;
    this.#problem = null;
    this.#told.content(page.id, names.map((name) => [name, values.get(name)]), /** @type {any} */ (page.live.position));
    if (page.before) this.#close(page.before);
    page.before = null;
    this.#flush();
  }

  /** The service refuses for good: it is asked again after a while all the same, for it may be replaced by another. @param {OpenPage} page */
  async #failed(page) {
    this.#pages = this.#pages.filter((each) => each !== page);
    this.#told.closed(page.id);
    const names = page.names.filter((name) => !page.before?.names.includes(name));
    this.#problem = page.live.error?.message ?? "the service does not answer";
    this.#told.refused(names, this.#problem);
    await pause(waitBefore(this.#failures++), this.#closing.signal);
    for (const name of names) this.#pending.add(name);
    this.#flush();
  }

  /** @param {OpenPage} page */
  #close(page) {
    this.#pages = this.#pages.filter((each) => each !== page);
    page.live.close();
    this.#told.closed(page.id);
  }
}
