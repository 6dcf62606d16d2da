/**
 * From what the console knows to what it shows. Pure.
 *
 * @typedef {import("./store.js").State} State
 * @typedef {import("./store.js").Instance} Instance
 * @typedef {import("../page/plain.js").Seen} Seen
 */

import { flightModel } from "../departures/derive.js";
import { NOTHING_SEEN, positionText } from "../page/plain.js";
import { STATES } from "../salesman/derive.js";
import { lengthText } from "../salesman/figures.js";

/** @param {Instance[]} instances @param {string} service @param {string} resource @returns {Seen} */
export function seenOf(instances, service, resource) {
  return instances.find((each) => each.service === service && each.resource === resource)?.seen ?? NOTHING_SEEN;
}

/** @param {number | null} milliseconds */
export function latencyText(milliseconds) {
  if (milliseconds === null) return "–";
  return milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${Math.round(milliseconds)} ms`;
}

/**
 * @param {State} state
 * @param {number} now [ms]
 * @param {string} router
 */
export function gaugeTexts({ link, sessions, latency, instances }, now, router) {
  const recent = instances.flatMap((each) => each.ticks).filter((tick) => now - tick.at < 10_000).length;
  const deltas = instances.reduce((sum, each) => sum + each.deltas, 0);
  return {
    "g-link": link === "open" ? "Connected" : sessions > 0 ? "Reconnecting" : "Connecting",
    "g-router": router,
    "g-answer": latencyText(latency.answer),
    "g-delta": latencyText(latency.delta),
    "g-instances": `${instances.filter((each) => each.seen.status === "live").length}`,
    "g-deltas": deltas.toLocaleString("en"),
    "g-rate": `${(recent / 10).toFixed(1)} a second`,
  };
}

/** @param {State} state @param {number} now [ms] @param {number} span of the strip [ms] */
export function instanceModels({ instances }, now, span) {
  return instances.map(({ id, service, resource, params, seen, deltas, gaps, ticks }) => ({
    id,
    service,
    resource,
    params: paramsText(params),
    status: seen.status,
    follower: seen.follower ?? "–",
    position: positionText(seen.position),
    epoch: seen.position?.[0] ?? "",
    keys: `${seen.entries.length}`,
    deltas: deltas.toLocaleString("en"),
    gaps: `${gaps}`,
    strip: ticks.map(({ at, keys }) => ({ x: 1 - (now - at) / span, height: Math.min(1, 0.4 + Math.log2(keys) / 8) })).filter(({ x }) => x >= 0),
  }));
}

/** {airport: "EWR", limit: 6} -> "airport EWR, limit 6" @param {object} params */
function paramsText(params) {
  return Object.entries(params).map(([name, value]) => `${name} ${typeof value === "string" ? shortened(value) : JSON.stringify(value)}`).join(", ");
}

/** @param {string} text */
function shortened(text) {
  return text.length > 16 ? `${text.slice(0, 8)}…${text.slice(-4)}` : text;
}

/** "f1 at epoch · revision" @param {Seen} seen */
export function whereText(seen) {
  return seen.follower === null ? "–" : `${seen.follower} at ${positionText(seen.position)}`;
}

/** @typedef {{id: string | number, lead: string, text: string, detail: string, remark: string, tone: string}} PreviewModel */

/** @param {Seen} board @returns {PreviewModel[]} */
export function boardPreview(board) {
  return board.entries.map(([, [flight]]) => {
    const { id, time, place, flight: number, remark } = flightModel(flight, []);
    return { id, lead: time, text: place, detail: number, remark: remark.text, tone: remark.tone };
  });
}

/** @param {Seen} top @returns {PreviewModel[]} */
export function postPreview(top) {
  return top.entries.map(([, [post]]) => ({ id: post.id, lead: `${post.upvotes}`, text: post.title, detail: "", remark: "", tone: "plain" }));
}

/** Searches that are shown. */
const SEARCHES = 4;

/** @param {Seen} searches @returns {PreviewModel[]} */
export function searchPreview(searches) {
  return searches.entries.slice(0, SEARCHES).map(([, [{ id, state, problem, length }]]) => ({
    id,
    lead: `${problem.size}`,
    text: problem.name,
    detail: length === null ? "" : lengthText(length, problem.kind),
    remark: STATES[state] ?? state,
    tone: state === "running" ? "good" : "soft",
  }));
}

/** What stands in place of searches, if there are none. @param {Seen} searches @returns {{title: string, text: string} | null} */
export function searchNote({ opened, entries }) {
  return opened && entries.length === 0 ? { title: "Nobody has searched yet.", text: "The newest searches appear here." } : null;
}

/**
 * The parts of the mesh that this page knows of, and what leads where.
 *
 * @param {State} state
 */
export function mapModel({ link, instances }) {
  const followers = new Map();
  for (const { service, seen } of instances) {
    const name = seen.follower ?? "?";
    const key = `${service} ${name}`;
    const known = followers.get(key) ?? { service, name, live: false, instances: 0 };
    if (seen.follower === null && instances.some((each) => each.service === service && each.seen.follower !== null)) continue;
    followers.set(key, { ...known, live: known.live || seen.status === "live", instances: known.instances + 1 });
  }
  return { open: link === "open", followers: [...followers.values()].sort((a, b) => (a.service + a.name < b.service + b.name ? -1 : 1)) };
}
