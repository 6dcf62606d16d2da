/**
 * What the page says, made of what is known. Pure.
 *
 * @typedef {import("../../deltamesh/worker.js").WorkerStatus} WorkerStatus
 * @typedef {object} State
 * @property {WorkerStatus | "idle"} status "idle": not lent
 * @property {string | null} error why it is not working
 * @property {number} slots
 * @property {number} busy
 * @property {number} units
 * @property {number} routes per second
 * @property {number} total routes
 * @property {number} since when it was lent [ms]
 * @property {number} now [ms]
 */

export { hostOf } from "../../page/host.js";

/** Slots that a page offers at most: each holds the distances of its problems. */
export const MOST = 16;

/** How many cores there are to lend. @param {number | undefined} concurrency what the browser says */
export function coresOf(concurrency) {
  return Math.min(MOST, Math.max(1, Math.floor(concurrency || 1)));
}

/** @param {State} state @returns {{state: string, text: string}} for the bar */
export function barOf({ status, busy }) {
  switch (status) {
    case "idle":
    case "closed":
      return { state: "idle", text: "Not lent" };
    case "connecting":
      return { state: "waiting", text: "Connecting" };
    case "refused":
      return { state: "closed", text: "Not taken" };
    case "draining":
      return { state: "waiting", text: "Leaving" };
    case "working":
      return { state: "live", text: busy > 0 ? "Computing" : "Lent" };
  }
}

/** The state in a sentence. @param {State} state @returns {{text: string, tone: "plain" | "bad"}} */
export function sentenceOf({ status, error, busy, slots, units }) {
  const plain = (/** @type {string} */ text) => ({ text, tone: /** @type {const} */ ("plain") });
  switch (status) {
    case "idle":
    case "closed":
      return plain(units > 0 ? "Thank you. Nothing is computed any more, and nobody knows of this tab." : "Nothing is computed yet, and nobody knows of this tab.");
    case "connecting":
      return plain(error === null ? "Looking for the mesh." : "The mesh cannot be reached. The tab keeps trying, and goes on by itself.");
    case "refused":
      return { text: `The mesh does not take this tab: ${error ?? "it did not say why"}. It keeps asking.`, tone: "bad" };
    case "draining":
      return plain("Finishing what is under way.");
    case "working":
      if (busy > 0) return plain(`Computing, on ${slots === 1 ? "one core" : `${slots} cores`}.`);
      return plain("Lent, and waiting for work. It comes when somebody starts a search.");
  }
}

/** A large number, short: 950, 12.3 k, 72.1 M. @param {number} number */
export function short(number) {
  const sizes = /** @type {const} */ ([[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]);
  for (const [size, mark] of sizes) {
    if (number >= size * 0.9995) {
      const scaled = number / size;
      return `${scaled.toFixed(scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0)} ${mark}`;
    }
  }
  return String(Math.round(number));
}

/** A time as it is read on a stopwatch. @param {number} milliseconds */
export function stopwatch(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** @param {State} state @returns {{routes: string, units: string, total: string, lent: string}} */
export function figuresOf({ status, routes, units, total, since, now }) {
  const never = since === 0;
  const isLent = status !== "idle" && status !== "closed";
  return {
    routes: isLent ? short(routes) : "–",
    units: never ? "–" : units.toLocaleString("en"),
    total: never ? "–" : short(total),
    lent: never ? "–" : stopwatch(now - since),
  };
}

/** The bars of the last minute: [x, height] of 60 × 12, the newest on the right. @param {number[]} rates the newest last */
export function barsOf(rates) {
  const last = rates.slice(-60);
  const most = Math.max(...last, 1);
  return last.map((rate, index) => [60 - last.length + index, Math.max(0.25, (rate / most) * 12)]);
}
