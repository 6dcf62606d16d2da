/**
 * A worker in Node.js:
 *
 *     node web/salesman/worker.mjs --router ws://127.0.0.1:8080/ws --cores 2 --name node-attic
 *
 * SIGINT and SIGTERM let it finish what it has, and leave; the second one ends it at once. It connects again for ever.
 */

import { randomBytes } from "node:crypto";
import { availableParallelism, hostname } from "node:os";
import { parseArgs } from "node:util";
import { Worker as Thread } from "node:worker_threads";
import { WebSocket } from "ws";
import { wampy } from "../deltamesh.js";
import { Wampy } from "../node_modules/wampy/dist/esm/wampy.js";
import { MAX_SLOTS, lend } from "./lend/lending.js";

const USAGE = "usage: node worker.mjs [--router URL] [--realm NAME] [--cores N] [--name NAME]";

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(`worker: error: ${message}\n${USAGE}`);
  process.exit(2);
}

/** What was asked for. */
function options() {
  const text = { type: /** @type {const} */ ("string") };
  try {
    return parseArgs({ options: { router: text, realm: text, cores: text, name: text } }).values;
  } catch (error) {
    return fail(/** @type {Error} */ (error).message);
  }
}

const { router = process.env.DELTAMESH_ROUTER ?? "ws://127.0.0.1:8080/ws", realm = "realm1", cores, name = `node-${randomBytes(2).toString("hex")}` } = options();
const slots = cores === undefined ? Math.min(availableParallelism(), MAX_SLOTS) : Number(cores);
if (!Number.isInteger(slots) || slots < 1 || slots > MAX_SLOTS) fail(`--cores is a number from 1 to ${MAX_SLOTS}`);
if (!/^wss?:\/\//.test(router)) fail(`--router is ws://host:port/ws or wss://host:port/ws, not ${router}`);
if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name)) fail("--name has letters, digits, '_', '.' and '-', at most 64");

let used = { at: performance.now(), cpu: process.cpuUsage() };
/** How busy the cores were since the last time. */
function cpu() {
  const now = { at: performance.now(), cpu: process.cpuUsage() };
  const seconds = (now.cpu.user - used.cpu.user + now.cpu.system - used.cpu.system) / 1e6;
  const share = seconds / Math.max(0.001, (now.at - used.at) / 1_000) / slots;
  used = now;
  return Math.round(Math.min(1, share) * 1_000) / 1_000;
}

/** @type {import("./lend/slots.js").Start} */
const start = (heard, broken) => {
  const thread = new Thread(new URL("./lend/slot.js", import.meta.url));
  thread.on("message", heard);
  thread.on("error", broken);
  return { post: (message) => thread.postMessage(message), end: () => void thread.terminate() };
};

const lending = lend({ url: router, realm, client: wampy(Wampy, { ws: WebSocket }), name, kind: "node", host: hostname(), slots, start, cpu });
let said = "";
lending.worker.onchange = ({ status, error }) => {
  const known = { connecting: `looking for the router at ${router}${error ? `: ${error.message}` : ""}`, working: "ready", refused: `not taken: ${error?.message}`, draining: "stopping", closed: "gone" };
  const news = known[status];
  if (news !== said) console.log(`${name}: ${news}`);
  said = news;
};
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, async () => {
    process.once(signal, () => process.exit(130));
    await lending.drain();
    process.exit(0);
  });
}
