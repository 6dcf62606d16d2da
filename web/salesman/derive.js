/**
 * From what the page knows to what it shows. Pure.
 *
 * @typedef {import("./store.js").State} State
 * @typedef {import("./scale.js").Run} Run
 * @typedef {import("../page/plain.js").Seen} Seen
 */

import { NOTHING_SEEN } from "../page/plain.js";
import { compact, counted, grouped, lengthText, percent, seconds, secondsOf } from "./figures.js";
import { pointAt } from "./scale.js";

export const STATES = /** @type {{[state: string]: string}} */ ({ running: "Running", done: "Done", cancelled: "Stopped", lost: "Lost" });
const KINDS = /** @type {{[kind: string]: string}} */ ({ python: "Python", node: "Node", browser: "Browser" });

/** @param {State} state @param {string} key @returns {Seen} */
export const seenOf = (state, key) => state.seen[key] ?? NOTHING_SEEN;

/** @param {State} state @returns {any[]} the searches, the newest first */
export const searchesOf = (state) => seenOf(state, "searches").entries.map(([, [search]]) => search);

/** The search that the map shows; null: none. @param {State} state @returns {string | null} */
export function shownOf(state) {
  if (state.view.kind === "search") return state.view.id;
  return state.view.kind === "newest" ? (searchesOf(state)[0]?.id ?? null) : null;
}

/** One search, whether or not it is among the newest. @param {State} state @param {string | null} id */
export function searchOf(state, id) {
  if (id === null) return null;
  return searchesOf(state).find((search) => search.id === id) ?? seenOf(state, `search ${id}`).entries[0]?.[1][0] ?? null;
}

/** The problem that the controls choose, if its cities are known before a search. @param {State} state */
export function chosenProblem({ seen, instance, world }) {
  const problems = (seen.problems ?? NOTHING_SEEN).entries.map(([, [problem]]) => problem);
  if (instance === "world") return problems.find(({ name, size }) => size === Number(world) && name === `world ${size}`) ?? null;
  return problems.find(({ is_known, name }) => is_known && instance === `known:${name}`) ?? null;
}

/**
 * What is to be followed now: key, resource, parameters.
 *
 * @param {State} state
 * @returns {[key: string, resource: string, params: object][]}
 */
export function wantedOf(state) {
  const shown = shownOf(state);
  /** @type {[string, string, object][]} */
  const wanted = [["problems", "problems", {}], ["searches", "searches", {}], ["workers", "workers", {}]];
  const problem = shown === null ? chosenProblem(state)?.id : searchOf(state, shown)?.problem.id;
  if (problem) wanted.push([`problem ${problem}`, "problem", { id: problem }]);
  if (shown !== null) {
    wanted.push([`route ${shown}`, "route", { search: shown }]);
    const seen = seenOf(state, "searches");
    if (seen.opened && !searchesOf(state).some(({ id }) => id === shown)) wanted.push([`search ${shown}`, "search", { id: shown }]);
  }
  for (const id of comparedOf(state)) wanted.push([`progress ${id}`, "progress", { search: id }]);
  return wanted;
}

/** The searches of the plot: the shown one, and those that it is compared with. @param {State} state @returns {string[]} */
export function comparedOf(state) {
  const shown = shownOf(state);
  const others = state.compared.map(({ id }) => id).filter((id) => id !== shown);
  return shown === null ? others : [shown, ...others];
}

/** The cities on the map and the route over them, as they were sent. @param {State} state */
export function mapModel(state) {
  const shown = shownOf(state);
  if (shown === null && state.instance === "own") return { id: "own", kind: "EUC_2D", cities: state.own, tour: null, editing: true };
  const problem = (shown === null ? chosenProblem(state) : searchOf(state, shown)?.problem) ?? null;
  const cities = problem && seenOf(state, `problem ${problem.id}`).entries[0]?.[1][0].cities;
  const tour = shown === null ? null : (seenOf(state, `route ${shown}`).entries[0]?.[1][0].tour ?? null);
  return { id: shown ?? `problem ${problem?.id}`, kind: problem?.kind ?? "EUC_2D", cities: cities ?? null, tour, editing: false };
}

/** What stands over the map: what it shows. @param {State} state @returns {{title: string, remark: string}} */
export function captionOf(state) {
  const search = searchOf(state, shownOf(state));
  if (search) return { title: search.problem.name, remark: `${counted(search.problem.size, "city", "cities")} · ${stateText(search, state)}` };
  const { instance, own, world } = state;
  if (shownOf(state) !== null) return { title: "", remark: "" };
  if (instance === "own") return { title: "Your cities", remark: own.length === 0 ? "none yet" : `${grouped(own.length)} so far` };
  if (instance === "world") return { title: `The ${grouped(Number(world))} largest cities of the world`, remark: "no route yet" };
  const problem = chosenProblem(state);
  return problem ? { title: problem.name, remark: `${grouped(problem.size)} cities · no route yet` } : { title: "", remark: "" };
}

/** @param {any} search @param {State} state */
function stateText(search, state) {
  if (search.state === "running" && state.stopping.includes(search.id)) return "Stopping";
  if (search.state === "done" && search.gap === 0) return "Done, optimal";
  return STATES[search.state] ?? String(search.state);
}

/** The figures of the shown search. @param {State} state @returns {{[id: string]: string}} by id of the element */
export function figuresOf(state) {
  const search = searchOf(state, shownOf(state));
  const begun = search !== null && search.length !== null;
  return {
    "f-length": begun ? lengthText(search.length, search.problem.kind) : "–",
    "f-optimum": search?.problem.optimum ? `optimum ${grouped(search.problem.optimum)}` : search ? "optimum unknown" : "",
    "f-gap": begun ? percent(search.gap) : "–",
    "f-saved": begun && search.start ? `${percent(1 - search.length / search.start)} below the first route` : "",
    "f-time": search ? secondsOf(search.seconds, search.budget) : "–",
    "f-temperature": search?.state === "running" && typeof search.temperature === "number" ? `temperature ${temperatureText(search.temperature)}` : "",
    "f-routes": search ? compact(search.routes) : "–",
    "f-rate": search ? (search.state === "running" ? `${compact(search.rate ?? 0)} a second` : `by ${counted(search.workers, "worker")}`) : "",
  };
}

/** @param {number} temperature */
const temperatureText = (temperature) => (temperature >= 99.95 ? grouped(temperature) : Number(temperature.toPrecision(2)).toString());

/** @param {State} state */
export function searchModels(state) {
  const shown = shownOf(state);
  const full = state.compared.length >= MOST_COMPARED;
  return searchesOf(state).map((search) => {
    const compared = state.compared.find(({ id }) => id === search.id);
    return {
      id: search.id,
      name: search.problem.name,
      size: grouped(search.problem.size),
      state: search.state,
      stateText: stateText(search, state),
      length: search.length === null ? "–" : lengthText(search.length, search.problem.kind),
      gap: percent(search.gap),
      time: search.state === "running" ? secondsOf(search.seconds, search.budget) : seconds(Math.round(10 * search.seconds) / 10),
      routes: compact(search.routes),
      settings: settingsText(search),
      shown: search.id === shown,
      compared: compared !== undefined,
      comparable: search.id !== shown && (compared !== undefined || !full),
      slot: search.id === shown ? 0 : (compared?.slot ?? null),
      stoppable: search.state === "running" && state.mine.includes(search.id) && !state.stopping.includes(search.id),
    };
  });
}

/** @param {any} search */
function settingsText({ options, chains }) {
  const { temperature, cooling, seed } = options;
  const parts = [
    typeof temperature === "number" && `temperature ${temperature}`,
    cooling === "linear" && "linear",
    counted(chains, "chain"),
    typeof seed === "number" && `seed ${seed}`,
  ];
  return parts.filter(Boolean).join(", ");
}

/** Searches that can be compared with the shown one, at most: as many as there are colours. */
export const MOST_COMPARED = 5;

/** @param {{id: string, slot: number}[]} compared @param {string} id @returns {{id: string, slot: number}[]} with or without it */
export function compareToggled(compared, id) {
  if (compared.some((each) => each.id === id)) return compared.filter((each) => each.id !== id);
  const free = Array.from({ length: MOST_COMPARED }, (_, i) => i + 1).find((slot) => !compared.some((each) => each.slot === slot));
  return free === undefined ? compared : [...compared, { id, slot: free }];
}

/** @param {State} state @returns {Run[]} */
export function runsOf(state) {
  const shown = shownOf(state);
  return comparedOf(state).flatMap((id) => {
    const search = searchOf(state, id);
    if (!search) return [];
    const { problem, options, budget } = search;
    return {
      id,
      name: `${problem.name}, ${settingsText({ options, chains: search.chains })}`,
      problem: problem.id,
      unit: problem.kind === "GEO" ? "km" : "",
      optimum: problem.optimum ?? null,
      points: seenOf(state, `progress ${id}`).entries.map(([, [point]]) => point),
      seconds: search.seconds,
      until: search.state === "running" ? budget : search.seconds,
      slot: id === shown ? 0 : (state.compared.find((each) => each.id === id)?.slot ?? 0),
      shown: id === shown,
    };
  });
}

/**
 * The runs of the plot, with what each was worth at a time, or is worth at its end.
 *
 * @param {ReturnType<typeof import("./scale.js").plotOf>} plot @param {number | null} at [s]
 */
export function legendModels({ lines }, at) {
  return lines.map((line) => {
    const i = at === null ? line.points.length - 1 : pointAt(line, at);
    const { id, name, slot, shown, unit, optimum, shares } = line;
    if (i < 0) return { id, name, slot, shown, value: "–" };
    const share = optimum !== null || lines.length > 1 ? ` (${optimum === null && shares[i] > 0 ? "+" : ""}${percent(shares[i])})` : "";
    return { id, name, slot, shown, value: `${grouped(line.points[i][1])}${unit && ` ${unit}`}${share}` };
  });
}

/** @param {State} state */
export function workerModels(state) {
  const workers = seenOf(state, "workers").entries.map(([, [worker]]) => worker);
  const fastest = Math.max(...workers.map(({ routes }) => routes), 1);
  return workers
    .map((worker) => ({
      id: worker.session,
      name: worker.name,
      kind: KINDS[worker.kind] ?? String(worker.kind),
      host: worker.host,
      slots: `${worker.busy} of ${worker.concurrency}`,
      busy: worker.concurrency > 0 ? worker.busy / worker.concurrency : 0,
      cpu: worker.cpu === null ? "–" : `${Math.round(100 * worker.cpu)} %`,
      load: worker.cpu ?? 0,
      routes: compact(worker.routes),
      share: worker.routes / fastest,
      units: grouped(worker.units),
      refused: worker.refused ? `${grouped(worker.refused)} refused` : "",
    }))
    .sort((a, b) => a.name.localeCompare(b.name) || Number(a.id) - Number(b.id));
}

/** @param {State} state @returns {{[id: string]: string}} by id of the element */
export function farmOf(state) {
  const workers = seenOf(state, "workers").entries.map(([, [worker]]) => worker);
  const sum = (/** @type {string} */ name) => workers.reduce((total, worker) => total + worker[name], 0);
  return {
    "farm-routes": compact(sum("routes")),
    "farm-workers": grouped(workers.length),
    "farm-slots": `${grouped(sum("busy"))} of ${grouped(sum("concurrency"))}`,
    "farm-note": workers.length > 0 ? "Computers, phones and tabs can join and leave at any time." : "Nobody computes yet: a search has only its first route.",
  };
}

/** The known problems to choose from. @param {State} state @returns {{value: string, text: string}[]} */
export function knownModels(state) {
  const problems = seenOf(state, "problems").entries.map(([, [problem]]) => problem);
  return problems
    .filter(({ is_known }) => is_known)
    .map(({ name, size, optimum }) => ({ value: `known:${name}`, text: `${name} · ${grouped(size)} cities${optimum ? ` · ${grouped(optimum)}` : ""}` }));
}
