/**
 * Departures: store, derivation and view, put together.
 */

import { announcer } from "../page/announce.js";
import { find } from "../page/elements.js";
import { meshOf } from "../page/mesh.js";
import { NOTHING_SEEN, stateOf, trouble } from "../page/plain.js";
import { clockModel, delayModels, detailModel, flightModels, foundModels, weatherModel } from "./derive.js";
import { AIRPORTS, Departures } from "./store.js";
import { view } from "./view.js";

const mesh = meshOf("com.example.departures");
const store = new Departures(mesh);
const page = view({
  toggle: (id) => store.toggle(id),
  look: (id) => {
    store.look(id);
    dialog.showModal();
  },
});
const announce = announcer(find("#heard"));
const dialog = find("#detail");
/** Remarks of the reader's flights, as they were announced. @type {Map<string, string>} */
let known = new Map();

store.drawWith(({ link, airport, query, mine, seen }) => {
  const of = (/** @type {string} */ name) => seen[name] ?? NOTHING_SEEN;
  page.state(stateOf(of("board"), link));
  page.texts({ ...clockModel(of("clock")), ...weatherModel(of("board")) });

  page.board(flightModels(of("board"), mine), airport);
  page.note("#board-note", trouble(of("board"), link, "departures") ?? empty("board", nothingYet(seen), seen));
  page.delays(delayModels(of("delays")));
  page.note("#delays-note", empty("delays", "No flights so far.", seen));

  const mineModels = flightModels(of("mine"), mine).filter((flight) => flight.mine);
  page.mine(mineModels);
  page.note("#mine-note", mine.length === 0 ? "Keep a flight with its star: it stays here, in this browser." : empty("mine", "Your flights are not known yet.", seen));
  tell(mineModels);

  const sources = [...AIRPORTS, "numbered"].map(of);
  const found = foundModels(query, sources, mine);
  page.found(found);
  page.note("#found-note", query && found.length === 0 ? foundNothing(sources) : null);

  page.detail(detailModel(of("detail")));
});

/** @param {string} name @param {string} text @param {{[name: string]: import("../page/plain.js").Seen}} seen */
function empty(name, text, seen) {
  return seen[name]?.opened && seen[name].entries.length === 0 ? text : null;
}

/** Without a clock there is no hour: whoever brings the flights is about to. @param {Record<string, import("../page/plain.js").Seen>} seen */
function nothingYet(seen) {
  return seen.clock?.entries.length ? "No flight is announced here at this hour." : "Waiting for the flights.";
}

/** @param {import("../page/plain.js").Seen[]} sources */
function foundNothing(sources) {
  return sources.some((seen) => seen.opened) ? "No such flight today. Flights are known six hours ahead." : "Searching.";
}

/** Announce what has changed about the reader's flights. @param {import("./derive.js").FlightModel[]} flights */
function tell(flights) {
  const news = flights.filter(({ id, remark }) => known.has(id) && known.get(id) !== remark.text);
  known = new Map(flights.map(({ id, remark }) => [id, remark.text]));
  if (news.length > 0) announce(news.map(({ flight, place, remark }) => `${flight} to ${place}: ${remark.text}`).join(". "));
}

find(`input[value="${store.state.airport}"]`).checked = true;
find("#airports").addEventListener("change", (/** @type {any} */ event) => store.choose(event.target.value));
find("#query").addEventListener("input", (/** @type {any} */ event) => store.search(event.target.value.trim()));
dialog.addEventListener("close", () => store.look(null));
