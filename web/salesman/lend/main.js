/**
 * Lend this tab: the button, the worker behind it, and leaving without a trace.
 */

import { wampy } from "../../deltamesh.js";
import { Wampy } from "../../node_modules/wampy/dist/esm/wampy.js";
import { announcer } from "../../page/announce.js";
import { find } from "../../page/elements.js";
import { REALM, ROUTER } from "../../page/mesh.js";
import { Store } from "../../page/store.js";
import { coresOf, hostOf, sentenceOf } from "./derive.js";
import { lend } from "./lending.js";
import { introduce, show, showCores, showMinute } from "./view.js";

/** Seconds of routes that are drawn. */
const MINUTE = 60;

const there = coresOf(navigator.hardwareConcurrency);
const name = `browser-${[...crypto.getRandomValues(new Uint8Array(2))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
const host = hostOf(navigator.userAgent);
const announce = announcer(find("#heard"));

let chosen = there;
/** @type {ReturnType<typeof lend> | null} */
let lending = null;
/** @type {number[]} */
let rates = [];

/** @type {import("./derive.js").State} */
const IDLE = { status: "idle", error: null, slots: there, busy: 0, units: 0, routes: 0, total: 0, since: 0, now: 0 };
/** @type {Store<import("./derive.js").State>} */
const store = new Store(IDLE, (state) => {
  show(state);
  showCores(chosen, there, lending !== null);
});

/** @type {import("./slots.js").Start} */
const start = (heard, broken) => {
  const thread = new Worker(new URL("./slot.js", import.meta.url), { type: "module" });
  thread.addEventListener("message", ({ data }) => heard(data));
  thread.addEventListener("error", (event) => broken(new Error(event.message || "it could not be started")));
  return { post: (message) => thread.postMessage(message), end: () => thread.terminate() };
};

/** @param {() => void} tick */
function clock(tick) {
  const thread = new Worker(new URL("./clock.js", import.meta.url), { type: "module" });
  thread.addEventListener("message", tick);
  return () => thread.terminate();
}

function begin() {
  const begun = lend({ url: ROUTER, realm: REALM, client: wampy(Wampy), name, kind: "browser", host, slots: chosen, start, clock: ticking });
  lending = begun;
  store.set({ ...IDLE, slots: chosen, since: Date.now(), now: Date.now(), status: "connecting" });
  begun.worker.onchange = ({ status, error, busy, units }) => {
    if (lending !== begun) return;
    const before = store.state.status;
    store.set({ status, error: error?.message ?? null, busy, units });
    if (status !== before) announce(sentenceOf({ ...store.state, busy: 0 }).text);
  };
  stayAwake();
}

/** The clock of the worker, which the figures follow. @param {() => void} tick */
function ticking(tick) {
  return clock(() => {
    tick();
    if (!lending) return;
    rates = [...rates, lending.routes].slice(-MINUTE);
    showMinute(rates);
    store.set({ routes: lending.routes, total: lending.total, now: Date.now() });
  });
}

/** Finish what is under way and leave; asked a second time, leave at once. */
async function end() {
  const ending = lending;
  if (ending?.worker.status === "working") await ending.drain();
  if (lending === ending) leave();
}

/** Leave at once. */
function leave() {
  if (!lending) return;
  const { total, worker } = lending;
  lending.close();
  lending = null;
  rates = [];
  showMinute(rates);
  store.set({ status: "idle", error: null, busy: 0, units: worker.units, routes: 0, total, now: Date.now() });
  sleep?.release();
}

/** @type {WakeLockSentinel | null} */
let sleep = null;

/** Keep the screen on while the tab is lent and seen: a phone that sleeps computes nothing. Not every browser lets a page do so. */
async function stayAwake() {
  if (!lending || document.hidden || sleep || !("wakeLock" in navigator)) return;
  try {
    sleep = await navigator.wakeLock.request("screen");
  } catch (error) {
    console.info("the screen may turn off:", error); // the battery is low, or the reader does not want it
    return;
  }
  find("#awake").hidden = false;
  sleep.addEventListener("release", () => {
    sleep = null;
    find("#awake").hidden = true;
  });
  if (!lending) sleep.release();
}

find("#lend").addEventListener("click", () => (lending ? end() : begin()));
for (const [id, step] of /** @type {const} */ ([["#fewer", -1], ["#more", 1]])) {
  find(id).addEventListener("click", () => {
    chosen = Math.min(there, Math.max(1, chosen + step));
    store.set({ slots: chosen });
  });
}
document.addEventListener("visibilitychange", () => stayAwake());
addEventListener("pagehide", leave);

introduce(name, host);
store.set({});
