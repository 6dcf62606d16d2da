/**
 * What the client of parameters is tested against: a service with the resource `chosen`, on the router of mesh.mjs, and a clock that the test sets.
 */

import { MeshError } from "../../web/deltamesh/errors.js";

/** What a reader says that is current. */
const READING = { head: "c9", good: "c9", number: 9, is_current: true, problem: null };

/** A follower of the service S that has parameters. */
export class ParameterService {
  values = new Map();
  /** Instances that were opened: topic -> names. @type {Map<string, string[]>} */
  instances = new Map();
  /** Names that are refused. */
  restricted = new Set();
  /** Set it, and `open` raises it. @type {Error | null} */
  refusal = null;
  revision = 0;
  /** Whether a reader speaks as soon as somebody listens. */
  hasReader = true;
  #listened;
  /** Resolves when somebody listens to the reader. */
  listened = new Promise((resolve) => (this.#listened = resolve));

  constructor(router, { name = "f1", epoch = "E1" } = {}) {
    Object.assign(this, { router, name, epoch });
    this.open = (args, kwargs) => this.answer(args, kwargs);
    this.subscribed = (topic, handler) => {
      if (this.instances.has(topic)) handler([this.epoch, this.revision, this.revision, "[]"], {});
      if (topic !== "S.on_reading") return;
      this.#listened();
      if (this.hasReader) handler([], READING);
    };
    router.procedures.set("S.open", [this.open]);
    router.procedures.set("subscribed", [this.subscribed]);
  }

  answer([resource, { names }], { position }) {
    if (this.refusal) throw this.refusal;
    if (resource !== "chosen") throw new MeshError("deltamesh.error.unknown_resource", resource, { retry: false });
    const topic = `S.live.${this.name}.${this.instances.size}`;
    this.instances.set(topic, names);
    const entries = names.filter((name) => this.entryOf(name)).map((name) => [name, [this.entryOf(name)]]);
    const { epoch, revision } = this;
    return { topic, gone: `S.follower.${this.name}.on_gone`, follower: this.name, epoch, revision, from: null, entries: JSON.stringify(entries), position };
  }

  entryOf(name) {
    return this.restricted.has(name) ? { restricted: true } : this.values.get(name);
  }

  /** Set a parameter by the commit of this number; undefined removes it. Each instance that has the name is told. */
  set(name, value, number) {
    if (value === undefined) this.values.delete(name);
    else this.values.set(name, { value, commit: `c${number}`, number });
    this.revision += 1;
    for (const [topic, names] of this.instances) {
      const entries = names.includes(name) ? [[name, this.entryOf(name) ? [this.entryOf(name)] : []]] : [];
      this.router.publish(topic, [this.epoch, this.revision - 1, this.revision, JSON.stringify(entries)]);
    }
  }

  /** What the reader says each second. */
  read(more = {}) {
    this.router.publish("S.on_reading", [], { ...READING, ...more });
  }

  leave() {
    this.router.procedures.delete("S.open");
    this.router.publish(`S.follower.${this.name}.on_gone`, []);
  }
}

/** A clock that stands until it is told how much time has passed. */
export class StandingClock {
  #now = 1_000_000;
  #timers = new Set();

  now() {
    return this.#now;
  }

  after(milliseconds, call) {
    const timer = { at: this.#now + milliseconds, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Let time pass, and what is due happen in its order. */
  pass(milliseconds) {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.call();
    }
    this.#now = end;
  }
}

/** A storage as `localStorage`. */
export class MemoryStorage {
  texts = new Map();
  getItem(key) {
    return this.texts.get(key) ?? null;
  }
  setItem(key, text) {
    this.texts.set(key, text);
  }
}
