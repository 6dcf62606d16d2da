/**
 * What the console knows: some services over one connection, what it follows of them, and when deltas came.
 *
 * @typedef {import("../page/plain.js").Seen} Seen
 * @typedef {{at: number, keys: number}} Tick a delta: when it came [ms], how many keys really changed
 * @typedef {{id: string, service: string, resource: string, params: object, seen: Seen, deltas: number, gaps: number, ticks: Tick[]}} Instance
 * @typedef {object} State
 * @property {string} link state of the connection
 * @property {number} sessions
 * @property {{answer: number | null, delta: number | null}} latency [ms]
 * @property {Instance[]} instances
 * @property {boolean} probing
 */

import { follow } from "../page/mesh.js";
import { NOTHING_SEEN } from "../page/plain.js";
import { Store } from "../page/store.js";

/** What the console follows: the service, the resource, its parameters. */
const FOLLOWED = /** @type {[string, string, object][]} */ ([
  ["departures", "clock", {}],
  ["departures", "board", { airport: "EWR", limit: 6 }],
  ["departures", "delays", { airport: "EWR" }],
  ["hackernews", "top", { limit: 6 }],
  ["salesman", "searches", {}],
]);
/** How far back ticks are kept. [ms] */
export const WINDOW = 60_000;
/** A probe gives up after this. [ms] */
const PROBE_LIMIT = 5_000;

/** @extends {Store<State>} */
export class Console extends Store {
  #meshes;

  /** @param {{[service: string]: import("../deltamesh.js").Mesh}} meshes */
  constructor(meshes) {
    super({ link: "connecting", sessions: 0, latency: { answer: null, delta: null }, instances: [], probing: false });
    this.#meshes = meshes;
    const [first] = Object.values(meshes);
    first.onstatus = () => this.set({ link: first.status, sessions: first.sessions });
    for (const mesh of Object.values(meshes)) mesh.onlatency = () => this.#measured(mesh.latency);
    for (const [service, resource, params] of FOLLOWED) this.#follow(service, resource, params);
  }

  /** Time a write: sign a name in for a moment, where only this page looks, and wait for the delta. */
  async probe() {
    const mesh = this.#meshes.hackernews;
    const session = `console-${randomPart()}`;
    this.set({ probing: true });
    const live = this.#follow("hackernews", "me", { session });
    try {
      await Promise.race([live.ready, new Promise((resolve) => setTimeout(resolve, PROBE_LIMIT))]);
      await mesh.call("sign_in", { session, name: session.slice(0, 20) }, { patience: PROBE_LIMIT });
      await mesh.call("sign_out", { session }, { patience: PROBE_LIMIT });
    } finally {
      live.close();
      this.set({ probing: false, instances: this.state.instances.filter((each) => each.params !== live.params) });
    }
  }

  /** Forget ticks that nobody sees any more. @param {number} now */
  forget(now) {
    const instances = this.state.instances.map((each) => ({ ...each, ticks: each.ticks.filter((tick) => now - tick.at < WINDOW) }));
    this.set({ instances });
  }

  /** @param {{answer: number | null, delta: number | null}} latency */
  #measured({ answer, delta }) {
    this.set({ latency: { answer: answer ?? this.state.latency.answer, delta: delta ?? this.state.latency.delta } });
  }

  /** @param {string} service @param {string} resource @param {object} params */
  #follow(service, resource, params) {
    const id = `${service} ${resource} ${JSON.stringify(params)}`;
    /** @type {Instance} */
    const instance = { id, service, resource, params, seen: NOTHING_SEEN, deltas: 0, gaps: 0, ticks: [] };
    this.set({ instances: [...this.state.instances, instance] });
    const live = follow(this.#meshes[service], resource, params, (seen, changed) => {
      const { deltas, gaps } = live.counts;
      this.set({
        instances: this.state.instances.map((each) => {
          if (each.id !== id) return each;
          const ticks = changed.length > 0 && deltas > 0 ? [...each.ticks, { at: performance.now(), keys: changed.length }] : each.ticks;
          return { ...each, seen, deltas, gaps, ticks };
        }),
      });
    });
    return live;
  }
}

/** 16 characters that nobody guesses. */
function randomPart() {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
