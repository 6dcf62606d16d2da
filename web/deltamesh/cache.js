/**
 * What a client keeps for its next start: one text in a storage. A storage that is full, damaged or refuses is reported, and else ignored.
 *
 * Clients of one name share the text, as two tabs of a page do: each reads it again before it writes, and changes only what it knows better.
 *
 * @typedef {{getItem: (key: string) => string | null, setItem: (key: string, text: string) => void}} Storage as `localStorage`, or of `fileStorage`
 * @typedef {import("./holding.js").Entry} Entry
 */

import { same } from "./entries.js";
import { frozen } from "./types.js";

/** The shortest time between two writes. [ms] */
const APART = 1_000;
/** What is read: as many names, and as much text, as a client may hold. */
const MOST = Object.freeze({ names: 20_000, characters: 16_777_216 });
/** Says what the text is; another one is not ours. */
const FORMAT = 1;

/** The cache of one client of one service. */
export class Cache {
  #storage;
  #key;
  #service;
  #report;
  #clock;
  /** @type {(() => ReadonlyMap<string, Entry | null>) | null} */
  #next = null;
  /** What was read at the start, and what this client has written itself. @type {Map<string, Entry>} */
  #own = new Map();
  /** @type {(() => void) | null} */
  #cancel = null;
  #isReported = false;

  /**
   * @param {object} what
   * @param {Storage | null} what.storage null: nothing is kept
   * @param {string} what.service
   * @param {string} what.name of the client
   * @param {(message: string, error: unknown) => void} what.report
   * @param {import("./parameters.js").Clock} what.clock
   */
  constructor({ storage, service, name, report, clock }) {
    this.#storage = storage;
    this.#service = service;
    this.#key = `deltamesh.parameters ${service} ${name}`;
    this.#report = report;
    this.#clock = clock;
  }

  /** What an earlier run has kept. @returns {Map<string, Entry>} */
  read() {
    try {
      const text = this.#storage?.getItem(this.#key) ?? null;
      const kept = text === null ? new Map() : readCache(text, this.#service);
      this.#own = new Map(kept);
      return kept;
    } catch (error) {
      this.#report("what was kept of the parameters cannot be used", error);
      return new Map();
    }
  }

  /**
   * Keep what `give` gives, all that this run knows: soon, and not more often than once a second. null: there is nothing of this name any more.
   *
   * @param {() => ReadonlyMap<string, Entry | null>} give
   */
  write(give) {
    if (this.#storage === null) return;
    this.#next = give;
    this.#cancel ??= this.#clock.after(APART, () => this.flush());
  }

  /** Keep at once what is to be kept. */
  flush() {
    this.#cancel?.();
    this.#cancel = null;
    const give = this.#next;
    this.#next = null;
    if (give === null) return;
    try {
      const parameters = Object.fromEntries(this.#merged(give()));
      this.#storage?.setItem(this.#key, JSON.stringify({ format: FORMAT, service: this.#service, parameters }));
      this.#isReported = false;
    } catch (error) {
      if (!this.#isReported) this.#report("the parameters could not be kept", error);
      this.#isReported = true; // once, until it works again
    }
  }

  /**
   * What is in the storage, with what this client knows better: of two values that two clients have kept the one of the later commit counts.
   * One that nobody else has kept gives way to an earlier commit too: that of a branch that was written anew.
   *
   * @param {ReadonlyMap<string, Entry | null>} news
   */
  #merged(news) {
    const others = this.#stored();
    /** @type {Map<string, Entry>} */
    const merged = new Map(); // ours first: they stay if there are too many
    for (const [name, entry] of news) {
      const other = others.get(name);
      others.delete(name);
      if (entry === null) this.#own.delete(name);
      else if (other !== undefined && other.number > entry.number && !same(other, this.#own.get(name))) merged.set(name, other);
      else {
        merged.set(name, entry);
        this.#own.set(name, entry);
      }
    }
    return [...merged, ...others].slice(0, MOST.names);
  }

  /** What is in the storage now; a damaged or foreign text is replaced. @returns {Map<string, Entry>} */
  #stored() {
    try {
      const text = this.#storage?.getItem(this.#key) ?? null;
      return text === null ? new Map() : readCache(text, this.#service);
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError) return new Map();
      throw error;
    }
  }
}

/**
 * Read the text of a cache.
 *
 * @param {string} text
 * @param {string} service
 * @returns {Map<string, Entry>}
 * @throws {Error} if it is damaged, or of something else
 */
export function readCache(text, service) {
  if (text.length > MOST.characters) throw new RangeError(`it is longer than ${MOST.characters} characters`);
  const kept = JSON.parse(text);
  if (kept?.format !== FORMAT || kept.service !== service) throw new TypeError(`it is not a cache of ${service}`);
  const entries = Object.entries(kept.parameters ?? {});
  if (entries.length > MOST.names) throw new RangeError(`it has more than ${MOST.names} names`);
  for (const [name, entry] of entries) {
    const isEntry = entry !== null && typeof entry === "object" && "value" in entry && typeof entry.commit === "string" && Number.isSafeInteger(entry.number);
    if (isEntry) frozen(entry);
    else throw new TypeError(`what it has of ${name.slice(0, 200)} is not a value and its commit`);
  }
  return new Map(/** @type {[string, Entry][]} */ (entries));
}
