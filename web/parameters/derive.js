/**
 * From what the page knows to what it shows. Pure.
 *
 * @typedef {import("../page/plain.js").Seen} Seen
 * @typedef {import("./store.js").State} State
 * @typedef {import("./difference.js").Line} Line
 */

import { CATCHING_UP } from "../deltamesh/holding.js";
import { NOTHING_SEEN } from "../page/plain.js";
import { differenceOf } from "./difference.js";
import { treeRows } from "./tree.js";
import { isExact, longText } from "./values.js";

/** Changes and commits that are asked for. */
export const MOST_CHANGES = 50;
export const MOST_COMMITS = 20;
/** Problems and holders that are listed. */
const MOST_LISTED = 20;

/** @param {State} state @param {string} key @returns {Seen} */
export function seenOf(state, key) {
  return state.seen[key] ?? NOTHING_SEEN;
}

/** What the service knows under a key of its resource `state`. @param {State} state @param {string} key */
function stateEntry(state, key) {
  return seenOf(state, "state").entries.find(([each]) => each === key)?.[1][0] ?? null;
}

/** What is read, and how far. @param {State} state @returns {any} */
export const readingOf = (state) => stateEntry(state, "reading");

/** What the service knows of a parameter. @param {State} state @param {string | null} name @returns {any} */
export function entryOf(state, name) {
  return (name !== null && entriesOf(seenOf(state, "tree")).get(name)) || null;
}

/** Entries by name; computed once for each content. @type {WeakMap<object, Map<string, any>>} */
const known = new WeakMap();

/** @param {Seen} seen @returns {Map<string, any>} */
function entriesOf({ entries }) {
  const map = known.get(entries) ?? new Map(entries.map(([name, [entry]]) => [name, entry]));
  known.set(entries, map);
  return map;
}

/** Whether only some roles may have a parameter: an administrator sees it, and others do not. @param {State} state @param {string} name */
export function isRestricted(state, name) {
  const open = seenOf(state, "public");
  return state.role === "administrator" && open.opened && !entriesOf(open).has(name);
}

/**
 * Whether everybody may know a name. Of one that is to be added it is not known before: it counts as its nearest group does.
 *
 * @param {State} state @param {string} name
 */
export function isPublic(state, name) {
  const open = seenOf(state, "public");
  const segments = name.split(".");
  if (!open.opened || segments.includes("secrets")) return false;
  const [all, known] = [entriesOf(seenOf(state, "tree")), entriesOf(open)];
  if (known.has(name) || all.has(name)) return known.has(name);
  for (let length = segments.length - 1; length > 0; length--) {
    const group = `${segments.slice(0, length).join(".")}.`;
    const isIn = (/** @type {string} */ each) => each.startsWith(group);
    if ([...all.keys()].some(isIn)) return [...known.keys()].some(isIn);
  }
  return true;
}

/** The last tree, and what it was made from: most drawings show the same one. @type {{from: any[], tree: ReturnType<typeof treeRows>}} */
let lastTree = { from: [], tree: { rows: [], count: 0, isCut: false } };

/** The tree as far as it is open, or found. @param {State} state */
export function treeModel(state) {
  const { query, toggled, chosen } = state;
  const entries = entriesOf(seenOf(state, "tree"));
  const from = [entries, entriesOf(seenOf(state, "public")), state.role, query, toggled, chosen];
  if (from.some((each, i) => each !== lastTree.from[i])) {
    lastTree = { from, tree: treeRows(entries, { query, toggled, chosen, isRestricted: (name) => isRestricted(state, name) }) };
  }
  const all = `${numberText(entries.size)} ${entries.size === 1 ? "parameter" : "parameters"}`;
  const { count } = lastTree.tree;
  return { ...lastTree.tree, remark: query ? `${numberText(count)} of ${all}` : all };
}

/** @param {number} count */
const numberText = (count) => count.toLocaleString("en");

/** The first figures of a commit. @param {string | null | undefined} commit */
export const shortCommit = (commit) => (commit ? commit.slice(0, 8) : "–");

/** "Ada <ada@example.org>" -> "Ada" @param {string | null | undefined} author */
export const nameOf = (author) => (author ?? "").replace(/\s*<[^>]*>\s*$/, "") || author || "unknown";

const UNITS = /** @type {const} */ ([["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3_600], ["minute", 60]]);
const ago = new Intl.RelativeTimeFormat("en", { numeric: "always" });

/** How long ago something was. @param {number | null | undefined} time [s since 1970] @param {number} now [s since 1970] */
export function agoText(time, now) {
  if (typeof time !== "number") return "";
  const unit = UNITS.find(([, length]) => now - time >= length);
  return unit ? ago.format(-Math.floor((now - time) / unit[1]), unit[0]) : "just now";
}

/** What is read, in a line. @param {State} state */
export function placeText(state) {
  const reading = readingOf(state);
  if (!reading) return "";
  const parts = [`${reading.branch} of ${String(reading.repository).split("/").at(-1)}`];
  if (reading.environment) parts.push(`environment ${reading.environment}`);
  if (reading.region) parts.push(`region ${reading.region}`);
  parts.push(`${numberText(reading.files)} ${reading.files === 1 ? "file" : "files"}`);
  return parts.join(" · ");
}

/**
 * How the reader is. What passes by itself is "soft", also if values are uncertain meanwhile, which they say themselves.
 *
 * @param {State} state
 * @returns {{tone: "good" | "late" | "bad" | "soft", text: string}}
 */
export function readerModel(state) {
  const { link, reader } = state;
  if (link !== "open") return { tone: "late", text: "No connection: values are from memory" };
  const isAway = ["tree", "state"].map((key) => seenOf(state, key)).some(({ status, opened, error }) => status !== "live" && (opened || error));
  if (isAway) return { tone: "late", text: "The service does not answer: values are from memory" };
  if (reader.problem !== null && reader.problem !== CATCHING_UP) return { tone: "bad", text: reader.problem[0].toUpperCase() + reader.problem.slice(1) };
  if (reader.reading === null) return { tone: "soft", text: "Waiting for the reader" };
  // The reader counts as current a moment before it has written: which commit is written only the service knows.
  const written = readingOf(state);
  if (!reader.reading.is_current) return { tone: "soft", text: `Catching up with ${reader.reading.head ? shortCommit(reader.reading.head) : "the repository"}` };
  if (!written) return { tone: "soft", text: `Reading ${shortCommit(reader.reading.head)}` };
  const { head, good } = written;
  if (head !== good) return { tone: "late", text: `${shortCommit(head)} is read, and not used` };
  return { tone: "good", text: `Up to date with ${shortCommit(head)}` };
}

/**
 * Why the newest commit is not used.
 *
 * @param {State} state
 * @returns {{title: string, list: {id: number, place: string, reason: string}[], more: string} | null}
 */
export function problemsModel(state) {
  const problems = stateEntry(state, "problems") ?? [];
  const reading = readingOf(state);
  if (problems.length === 0 || !reading) return null;
  const [{ commit, author }] = problems;
  const list = problems.slice(0, MOST_LISTED).map((/** @type {any} */ each, /** @type {number} */ id) => ({ id, place: placeOf(each), reason: each.reason }));
  const holds = reading.good ? `What holds is ${shortCommit(reading.good)}, until a commit mends it.` : "Nothing holds until a commit mends it.";
  const rest = problems.length - list.length;
  return { title: `Commit ${shortCommit(commit)} by ${nameOf(author)} is not used. ${holds}`, list, more: rest > 0 ? `and ${numberText(rest)} more` : "" };
}

/** Where a problem is. @param {{file?: string | null, line?: number | null, name?: string | null}} problem */
export function placeOf({ file, line, name }) {
  return [file && line ? `${file}, line ${line}` : file, name].filter(Boolean).join(" · ");
}

/** What the sources of a value mean. */
const SOURCES = /** @type {{[source: string]: string}} */ ({
  live: "what the repository has now",
  stale: "it is not certain that this is still the newest",
  cache: "kept by this browser from earlier",
  default: "the service has no value for this page",
});

/**
 * The parameter that is shown closely.
 *
 * @param {State} state
 * @param {number} now [s since 1970]
 * @returns {{name: string, isThere: boolean, isRestricted: boolean, value: string, source: string, meaning: string, problem: string | null,
 *   facts: [string, string][]} | null}
 */
export function detailModel(state, now) {
  const { chosen, held } = state;
  if (chosen === null) return null;
  const entry = entryOf(state, chosen);
  const restricted = isRestricted(state, chosen);
  // The page holds it as any client; what only an administrator may have comes from the tree.
  const fromTree = entry !== null && (held === null || held.source === "default");
  const source = fromTree ? (seenOf(state, "tree").status === "live" ? "live" : "stale") : (held?.source ?? "default");
  const value = fromTree ? entry.value : held?.value;
  const isThere = fromTree || source !== "default";
  const commit = fromTree ? entry.commit : (held?.commit ?? null);
  return {
    name: chosen,
    isThere,
    isRestricted: restricted,
    value: isThere ? longText(value) : "",
    source,
    meaning: isThere ? `${SOURCES[source]}${isExact(value) ? "" : "; a number in it is too large for browsers, and may be rounded here"}` : "",
    problem: isThere ? null : notThere(state, held),
    // Between a value and its commit the tree may be a moment behind.
    facts: !isThere ? [] : entry?.commit === commit ? factsOf(entry, now) : [["Commit", shortCommit(commit)]],
  };
}

/** @param {State} state @param {State["held"]} held */
function notThere(state, held) {
  if (held?.error) return held.error;
  return seenOf(state, "tree").opened ? "There is no such parameter now." : "Not known yet.";
}

/** @param {any} entry @param {number} now @returns {[string, string][]} */
function factsOf(entry, now) {
  if (!entry) return [];
  return [
    ["Changed", [agoText(entry.time, now), entry.author ? `by ${nameOf(entry.author)}` : ""].filter(Boolean).join(" ") || "longer ago than is kept"],
    ["Commit", [shortCommit(entry.commit), entry.message?.split("\n")[0]].filter(Boolean).join(" · ")],
    ["File", entry.file],
  ];
}

/**
 * Who has the parameter, and how new: those that are behind first.
 *
 * @param {State} state @param {number} now [s since 1970]
 */
export function censusModel(state, now) {
  const { entries } = seenOf(state, "census");
  const holders = entries.map(([session, [each]]) => ({
    id: session,
    client: each.client,
    kind: each.kind,
    host: each.host,
    since: agoText(each.since, now),
    commit: shortCommit(each.commit),
    isCurrent: each.is_current !== false,
    size: `${numberText(each.size)} ${each.size === 1 ? "name" : "names"}`,
  }));
  const behind = holders.filter(({ isCurrent }) => !isCurrent).length;
  const clients = `${numberText(holders.length)} ${holders.length === 1 ? "client" : "clients"}`;
  const listed = holders.sort((a, b) => Number(a.isCurrent) - Number(b.isCurrent)).slice(0, MOST_LISTED);
  const isCut = listed.length < holders.length ? `, ${MOST_LISTED} shown` : "";
  return { holders: listed, remark: holders.length === 0 ? "" : `${clients}${behind > 0 ? `, ${numberText(behind)} behind` : ", all with the newest value"}${isCut}` };
}

/**
 * How the parameter has changed.
 *
 * @param {State} state @param {number} now [s since 1970]
 */
export function historyModels(state, now) {
  return seenOf(state, "history").entries.map(([[number], [change]]) => ({
    id: number,
    ...commitModel(change, now),
    lines: differenceOf("was" in change ? longText(change.was) : null, "value" in change ? longText(change.value) : null),
    remark: change.gone ? "removed" : "was" in change ? "" : "added",
  }));
}

/** The newest commits of the branch. @param {State} state @param {number} now [s since 1970] */
export function commitModels(state, now) {
  return seenOf(state, "commits").entries.map(([[number], [commit]]) => ({
    id: number,
    ...commitModel(commit, now),
    remark: commit.good === false ? "not used" : `${numberText(commit.changed)} changed`,
    isGood: commit.good !== false,
  }));
}

/** @param {any} each @param {number} now */
function commitModel({ commit, author, time, message }, now) {
  return { commit: commit ?? null, short: shortCommit(commit), author: author ? nameOf(author) : "", ago: agoText(time, now), message: (message ?? "").split("\n")[0] };
}

/** Parameters that the reader keeps an eye on. @param {State} state */
export function keptModels(state) {
  return state.kept.map(({ name, value, source, error }) => ({ id: name, name, value: source === "default" ? "–" : longText(value).split("\n")[0], source, error }));
}
