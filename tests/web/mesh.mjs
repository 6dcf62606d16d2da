/**
 * A mesh in memory: a router that carries calls and events, and followers that keep the rules of docs/protocol.md.
 * Unlike a real one it delivers at once, and serves one resource.
 */

import { MeshError } from "../../web/deltamesh/errors.js";

/** A router. Sessions end when it stops; followers leave with it. */
export class Router {
  sessions = new Set();
  /** Procedures by URI; each a list that is asked in turn. @type {Map<string, Function[]>} */
  procedures = new Map();
  running = true;

  /** Open a session, as `Session` in web/deltamesh/session.js. */
  async join() {
    if (!this.running) throw new MeshError("deltamesh.web.lost", "refused");
    const session = new MemorySession(this);
    this.sessions.add(session);
    return session;
  }

  publish(topic, args, kwargs = {}) {
    for (const session of this.sessions) session.handlers.get(topic)?.(args, kwargs);
  }

  stop() {
    this.running = false;
    this.procedures.clear();
    for (const session of [...this.sessions]) session.end("stopped");
  }

  start() {
    this.running = true;
  }
}

class MemorySession {
  handlers = new Map();
  /** Every call that was made: [uri, args, kwargs]. */
  calls = [];
  /** Every publication: [topic, kwargs]. */
  published = [];

  constructor(router) {
    this.router = router;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  #end;

  async call(uri, args, kwargs, onpart, signal) {
    this.calls.push([uri, args, kwargs]);
    const callees = this.router.procedures.get(uri) ?? [];
    const callee = callees.shift();
    if (!callee) throw new MeshError("wamp.error.no_such_procedure", `no callee for ${uri}`);
    callees.push(callee);
    return callee(args, kwargs, onpart, signal);
  }

  async subscribe(topic, handler) {
    this.handlers.set(topic, handler);
    for (const procedure of this.router.procedures.get("subscribed") ?? []) procedure(topic, handler);
    return topic;
  }

  async unsubscribe(topic) {
    this.handlers.delete(topic);
  }

  async publish(topic, args, kwargs) {
    this.published.push([topic, kwargs]);
    this.router.publish(topic, args, kwargs);
  }

  close() {
    this.end("closed");
  }

  end(reason) {
    this.router.sessions.delete(this);
    this.#end(reason);
  }
}

/** The content that all followers mirror, with its history. */
export class Content {
  content = new Map();
  deltas = [];

  constructor(epoch = "E1") {
    this.epoch = epoch;
    this.revision = 0;
  }

  /** Commit changes: {key: value, …}; undefined removes the key. Returns the delta. */
  commit(changes) {
    const entries = Object.entries(changes).map(([key, value]) => [key, value === undefined ? [] : [value]]);
    for (const [key, values] of entries) {
      if (values.length) this.content.set(key, values);
      else this.content.delete(key);
    }
    this.revision += 1;
    this.deltas.push(entries);
    return entries;
  }

  since(position) {
    if (position?.[0] !== this.epoch) return { from: null, entries: [...this.content] };
    return { from: position[1], entries: this.deltas.slice(position[1]).flat() };
  }
}

/** A follower of the service S with one resource, "all". */
export class Follower {
  constructor(router, name, content) {
    Object.assign(this, { router, name, content, topic: `S.live.${name}.all`, gone: `S.follower.${name}.on_gone`, published: content.revision });
    this.open = (args, kwargs, onpart) => this.answer(args, kwargs, onpart);
    this.subscribed = (topic, handler) => topic === this.topic && handler([content.epoch, this.published, this.published, "[]"]);
    this.register("S.open", this.open);
    this.register("S.read", this.open);
    this.register(`S.open.${name}`, this.open);
    this.register("subscribed", this.subscribed);
  }

  register(uri, procedure) {
    this.router.procedures.set(uri, [...(this.router.procedures.get(uri) ?? []), procedure]);
  }

  answer([resource], { position }) {
    if (resource !== "all") throw new MeshError("deltamesh.error.unknown_resource", `no resource is called ${resource}`, { retry: false });
    const { epoch, revision } = this.content;
    this.published = revision;
    const { from, entries } = this.content.since(position);
    return { topic: this.topic, gone: this.gone, follower: this.name, epoch, revision, from, entries: JSON.stringify(entries) };
  }

  /** Publish what was committed since the last time; `lost`: on the way nobody receives it. */
  publish({ lost = false } = {}) {
    const { epoch, revision } = this.content;
    const entries = this.content.deltas.slice(this.published).flat();
    const args = [epoch, this.published, revision, JSON.stringify(entries)];
    this.published = revision;
    if (!lost) this.router.publish(this.topic, args);
  }

  /** Ask the clients to open the instance anew, at another follower. */
  handOver(procedure) {
    this.router.publish(this.gone, [[this.topic], procedure]);
  }

  leave() {
    for (const [uri, procedures] of this.router.procedures) {
      this.router.procedures.set(uri, procedures.filter((each) => each !== this.open && each !== this.subscribed));
    }
    this.router.publish(this.gone, []);
  }
}
