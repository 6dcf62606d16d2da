import assert from "node:assert/strict";
import { test } from "node:test";
import { Holding, LOST_FOR, SILENT_FOR, View } from "../../web/deltamesh/holding.js";

const NAMES = ["a", "b", "c", "d"];
const HISTORIES = 400;
const STEPS = 150;
const FALLBACK = "fallback";

/** Numbers in [0, 1) that are the same for each run (mulberry32). */
function randomOf(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A service with its history, pages that lag behind it by chance, and one client. */
class World {
  now = 0;
  /** What there is at each revision. */
  truth = [new Map()];
  holding = new Holding();
  /** Views, each with the revision that what it shows is at least of. @type {Map<View, number>} */
  views = new Map();
  /** @type {Map<number, {names: string[], revision: number, isLive: boolean}>} */
  pages = new Map();
  heardAt = null;
  /** When it was given time, since it was heard. @type {number | null} */
  grantedAt = null;

  constructor(seed) {
    this.random = randomOf(seed);
    this.holding.listening(0);
  }

  get revision() {
    return this.truth.length - 1;
  }

  any(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  between(low, high) {
    return low + Math.floor(this.random() * (high - low + 1));
  }

  step() {
    const steps = [this.commit, this.commit, this.commit, this.want, this.drop, this.open, this.advance, this.advance, this.advance, this.lose, this.regain, this.read, this.wait, this.reconnect];
    this.any(steps).call(this);
    for (const view of this.views.keys()) this.check(view);
  }

  commit() {
    const next = new Map(this.truth.at(-1));
    const name = this.any(NAMES);
    if (this.random() < 0.2) next.delete(name);
    else next.set(name, { value: this.between(0, 3), commit: `c${this.revision + 1}`, number: this.revision + 1 });
    this.truth.push(next);
  }

  want() {
    if (this.views.size > 6) return;
    const view = new View(this.any(NAMES), FALLBACK);
    this.holding.want(view);
    const others = [...this.views].filter(([other]) => other.name === view.name).map(([, revision]) => revision);
    this.views.set(view, Math.max(0, ...others));
  }

  drop() {
    if (this.views.size === 0) return;
    const view = this.any([...this.views.keys()]);
    this.views.delete(view);
    this.holding.drop(view);
  }

  /** Open a page, at a follower that may be behind; as `Pages` does, the one before it may be closed then. */
  open() {
    const id = Math.max(0, ...this.pages.keys()) + 1;
    const names = this.holding.names;
    if (names.length === 0) return;
    const revision = this.between(0, this.revision);
    this.pages.set(id, { names, revision, isLive: true });
    this.tell(id, names);
    for (const other of [...this.pages.keys()]) {
      if (other === id) continue;
      this.pages.delete(other);
      this.holding.closed(other);
    }
  }

  advance() {
    if (this.pages.size === 0) return;
    const id = this.any([...this.pages.keys()]);
    const page = this.pages.get(id);
    const before = this.truth[page.revision];
    page.revision = this.between(page.revision, this.revision);
    page.isLive = true;
    const names = page.names.filter((name) => before.get(name) !== this.truth[page.revision].get(name));
    if (names.length > 0) this.tell(id, names);
    else this.holding.live(id, this.now);
  }

  tell(id, names) {
    const { revision } = this.pages.get(id);
    this.holding.content(id, names.map((name) => [name, this.truth[revision].get(name)]), ["E", revision], this.now);
  }

  lose() {
    if (this.pages.size === 0) return;
    const id = this.any([...this.pages.keys()]);
    this.pages.get(id).isLive = false;
    this.holding.lost(id, this.now);
  }

  regain() {
    for (const [id, page] of this.pages) {
      page.isLive = true;
      this.holding.live(id, this.now);
    }
  }

  read() {
    this.heardAt = this.now;
    this.grantedAt = null;
    this.isCurrent = this.random() < 0.8;
    this.holding.heard({ is_current: this.isCurrent, head: null, good: null, number: null, problem: null }, this.now);
  }

  /** As short as can be. */
  reconnect() {
    this.holding.deaf();
    this.grantedAt ??= this.now;
    this.holding.listening(this.now);
  }

  wait() {
    this.now += this.any([1, LOST_FOR - 1, LOST_FOR, SILENT_FOR]);
    this.holding.tick(this.now);
  }

  /** What is shown was there, at no earlier revision than what was shown before; and what is live is certain. */
  check(view) {
    const { name, value, commit, source } = view;
    if (source === "default" && !view.isCurrent && this.views.get(view) === 0) return assert.equal(value, FALLBACK);
    const shows = (revision) => {
      const entry = this.truth[revision].get(name);
      return entry ? commit === entry.commit && value === entry.value : source === "default" && value === FALLBACK;
    };
    let at = this.views.get(view);
    while (at <= this.revision && !shows(at)) at += 1;
    assert.ok(at <= this.revision, `${name} shows ${value} of ${commit}, which is older than what it has shown`);
    if (source === "cache") return; // the service has not spoken yet, and may be behind what was kept
    this.views.set(view, at);
    if (source !== "live") return;
    assert.ok([...this.pages.values()].some(({ names }) => names.includes(name)), "no page tells of it");
    const since = Math.max(this.heardAt, this.grantedAt ?? 0);
    assert.ok(this.heardAt !== null && this.now - since < SILENT_FOR && this.isCurrent, "the reader does not vouch for it");
  }

  /** Faults end: all names are in a page that has everything. */
  heal() {
    this.read();
    this.isCurrent = true;
    this.holding.heard({ is_current: true, head: null, good: null, number: null, problem: null }, this.now);
    this.open();
    for (const [id, page] of this.pages) {
      page.revision = this.revision;
      this.tell(id, page.names);
    }
  }
}

test(`in ${HISTORIES} histories no parameter goes back, and all end with what the service has`, () => {
  let shown = 0;
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const world = new World(seed);
    for (let step = 0; step < STEPS; step++) world.step();
    world.heal();
    for (const view of world.views.keys()) {
      const entry = world.truth.at(-1).get(view.name);
      assert.deepEqual([view.value, view.source, view.isCurrent], entry ? [entry.value, "live", true] : [FALLBACK, "default", true], `seed ${seed}`);
      shown += 1;
    }
    assert.equal(world.holding.isReady, true);
  }
  assert.ok(shown > HISTORIES);
});
