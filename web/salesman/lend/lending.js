/**
 * Lending: a worker of the salesman's farm, in a page or in Node.js.
 */

import { MeshWorker } from "../../deltamesh/worker.js";
import { Slots } from "./slots.js";
import { checkedUnit } from "./unit.js";

export const SERVICE = "com.example.salesman";
/** Slots that one worker can have. */
export const MAX_SLOTS = 64;

/**
 * Begin to lend.
 *
 * @param {object} what
 * @param {string} what.url of the router's WebSocket
 * @param {import("../../deltamesh/session.js").Client} what.client
 * @param {string} [what.realm]
 * @param {string} what.name what people know it by
 * @param {"browser" | "node"} what.kind
 * @param {string} what.host
 * @param {number} what.slots
 * @param {import("./slots.js").Start} what.start starts what a slot runs in
 * @param {() => number | null} [what.cpu] how busy the cores of its slots were since the last time, 0 … 1
 * @param {(tick: () => void) => () => void} [what.clock] see `MeshWorker`
 */
export function lend({ url, client, realm, name, kind, host, slots, start, cpu = () => null, clock }) {
  /** @type {Slots} */
  const all = new Slots(slots, start, (id) => worker.call(`${SERVICE}.problem`, [id]));
  let last = { at: performance.now(), routes: 0 };
  const load = () => {
    const now = { at: performance.now(), routes: all.routes };
    const routes = Math.round(((now.routes - last.routes) * 1_000) / Math.max(1, now.at - last.at));
    last = now;
    lending.routes = routes;
    return { name, kind, host, cpu: cpu(), routes };
  };
  const handler = async (/** @type {{[name: string]: any}} */ kwargs) => ({ ...(await all.compute(checkedUnit(kwargs))), worker: name });
  const worker = new MeshWorker({ service: SERVICE, task: "anneal", handler, concurrency: slots, load, url, realm, client, clock });
  const lending = {
    worker,
    /** Routes per second, in the last second. */
    routes: 0,
    /** Routes in all. */
    get total() {
      return all.routes;
    },
    /** Finish what is under way, and leave. */
    async drain() {
      await worker.drain();
      all.close();
    },
    /** Leave at once. */
    close() {
      worker.close();
      all.close();
    },
  };
  return lending;
}
