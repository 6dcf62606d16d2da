/**
 * The travelling salesman: store, derivation and view, put together.
 */

import { announcer } from "../page/announce.js";
import { find, write } from "../page/elements.js";
import { meshOf } from "../page/mesh.js";
import { sorry, stateOf, trouble } from "../page/plain.js";
import { captionOf, figuresOf, farmOf, knownModels, mapModel, runsOf, searchModels, searchOf, seenOf, shownOf, workerModels } from "./derive.js";
import { counted } from "./figures.js";
import { map } from "./map.js";
import { added, put, removed, scattered } from "./own.js";
import { plot } from "./plot.js";
import { requestOf } from "./request.js";
import { Salesman } from "./store.js";
import { view } from "./view.js";

const FIRST_CHOICE = "known:berlin52";
const CONTROLS = ["instance", "world", "budget", "temperature", "cooling", "chains", "seed"];
const NAME = "travelling salesman";

const store = new Salesman(meshOf("com.example.salesman"));
const announce = announcer(find("#heard"));
const page = view({ show: (id) => reveal(id), compare: (id) => store.compare(id), stop: (id) => store.stop(id) });
const form = find("#controls");
const canvas = find("#map");
const drawing = map(canvas, {
  add: (spot) => store.keep(added(store.state.own, spot)),
  remove: (number) => store.keep(removed(store.state.own, number)),
  put: (number, spot) => store.keep(put(store.state.own, number, spot)),
});
const curve = plot(find("#plot"), (shown, at) => {
  page.legend(shown, at);
  const end = shown.axes?.end ?? 0;
  const slider = find("#plot");
  slider.setAttribute("aria-valuemax", end.toFixed(1));
  slider.setAttribute("aria-valuenow", (at ?? end).toFixed(1));
  slider.setAttribute("aria-valuetext", spoken(find("#reading"), find("#legend")));
});
/** The state of each search, as it was announced. @type {Map<string, string>} */
let known = new Map();
/** Whether the reader has chosen an instance; until then the page does, of those that it knows. */
let hasChosen = false;

store.drawWith((state) => {
  const searches = seenOf(state, "searches");
  const model = mapModel(state);
  const hasRoute = drawing.show(model);
  const { title, remark } = captionOf(state);
  page.state(stateOf(searches, state.link));
  page.texts({ "map-title": title || "Map", "map-remark": remark, ...figuresOf(state), ...farmOf(state) });
  page.note("#map-note", trouble(searches, state.link, NAME) ?? mapNote(state, model));
  canvas.dataset.route = String(hasRoute);
  canvas.setAttribute("role", model.editing ? "application" : "img");
  const route = hasRoute ? `with a route of length ${find("#f-length").textContent}` : "without a route";
  canvas.setAttribute("aria-label", model.editing ? `Map with ${counted(state.own.length, "city", "cities")} of yours` : `Map of ${title}, ${route}`);

  const runs = runsOf(state);
  curve.show(runs);
  const isEmpty = runs.every(({ points }) => points.length === 0);
  page.note("#plot-note", isEmpty ? "The length of the best route over time appears here as soon as a search runs." : null);
  page.workers(workerModels(state));
  page.searches(searchModels(state));
  page.note("#searches-note", searches.opened && searches.entries.length === 0 ? "Nobody has searched yet." : null);
  const workers = seenOf(state, "workers");
  find("#workers-note").hidden = !workers.opened || workers.entries.length > 0;
  controls(state);
  tell(state);
  remember(state);
});

/** @param {import("./store.js").State} state @param {ReturnType<typeof mapModel>} model */
function mapNote(state, model) {
  if (model.editing) return state.own.length === 0 ? { title: "Click on the map to place a city.", text: "Drag a city to move it, click it to remove it." } : null;
  if (model.cities) return null;
  const shown = shownOf(state);
  if (shown === null && state.instance === "world") return { title: "Which cities these are", text: "is known as soon as a search starts." };
  const isForgotten = shown !== null && searchOf(state, shown) === null && seenOf(state, `search ${shown}`).opened;
  return isForgotten ? { title: "This search is not known any more.", text: "The newest 20 are kept." } : null;
}

/** @param {import("./store.js").State} state */
function controls(state) {
  const problems = knownModels(state);
  page.known(problems);
  if (!hasChosen && seenOf(state, "problems").opened) {
    const first = problems.find(({ value }) => value === FIRST_CHOICE) ?? problems[0];
    const { instance, world } = form.elements;
    if (first) instance.value = first.value;
    if (state.instance !== instance.value) store.set({ instance: instance.value, world: world.value });
  }
  find("#world-field").hidden = form.elements.world.disabled = state.instance !== "world";
  find("#own-field").hidden = form.elements.scattered.disabled = state.instance !== "own";
  find("#clear").disabled = state.own.length === 0;
  find("#edit").hidden = state.instance !== "own" || state.view.kind === "chosen";
  find("#newest").hidden = state.view.kind === "newest" || seenOf(state, "searches").entries.length === 0;
  find("#start").disabled = state.starting;
  write(find("#start"), state.starting ? "Starting" : "Start");
  find("#stop").disabled = !state.starting && store.stoppable === null;
}

/** Announce what has changed about the searches. @param {import("./store.js").State} state */
function tell(state) {
  const models = searchModels(state);
  const news = models.filter(({ id, state: now }) => known.size > 0 && known.get(id) !== now);
  known = new Map(models.map(({ id, state: now }) => [id, now]));
  const above = (/** @type {string} */ gap) => (gap === "–" ? "" : `, ${gap} above the optimum`);
  if (news.length > 0) announce(news.map(({ name, stateText, length, gap }) => `${name}: ${stateText}, length ${length}${above(gap)}`).join(". "));
}

/** Keep what is shown in the address, so that it survives a reload and can be passed on. @param {import("./store.js").State} state */
function remember({ view: shown, compared }) {
  const hash = shown.kind === "search" ? `#${[shown.id, ...compared.map(({ id }) => id)].join(",")}` : "";
  if (location.hash !== hash) history.replaceState(null, "", hash || location.pathname);
}

function recall() {
  const [id, ...others] = location.hash.slice(1).split(",").filter((each) => /^[0-9a-f]{16}$/.test(each));
  if (!id) return;
  for (const other of others) if (!store.state.compared.some((each) => each.id === other)) store.compare(other);
  store.show(id);
}

/** What the plot says at the reader's line. @param {HTMLElement} reading @param {HTMLElement} legend */
function spoken(reading, legend) {
  const runs = [...legend.children].map((run) => [...run.children].map(({ textContent }) => textContent).join(" ").trim());
  return [reading.textContent, ...runs].filter(Boolean).join(", ") || "nothing yet";
}

/** Show a search, and bring the map into sight. @param {string} id */
function reveal(id) {
  store.show(id);
  find("#stage").scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

form.addEventListener("submit", async (/** @type {Event} */ event) => {
  event.preventDefault();
  const place = find("#form-problem");
  const values = /** @type {import("./request.js").Form} */ (Object.fromEntries(CONTROLS.map((name) => [name, form.elements[name].value])));
  const { request, problem } = requestOf(values, store.state.own);
  write(place, problem ?? "");
  if (!request) return;
  try {
    await store.start(request);
  } catch (error) {
    write(place, sorry(error));
  }
});
for (const [name, event] of [["instance", "change"], ["world", "input"]]) {
  form.elements[name].addEventListener(event, () => {
    hasChosen = true;
    store.set({ instance: form.elements.instance.value, world: form.elements.world.value, view: { kind: "chosen" } });
  });
}
find("#scatter").addEventListener("click", () => {
  if (!form.elements.scattered.reportValidity()) return;
  store.keep(scattered(Number(form.elements.scattered.value), crypto.getRandomValues(new Uint32Array(1))[0]));
  store.set({ view: { kind: "chosen" } });
});
find("#clear").addEventListener("click", () => {
  store.keep([]);
  store.set({ view: { kind: "chosen" } });
});
find("#stop").addEventListener("click", () => store.stop(store.state.starting ? null : store.stoppable));
find("#edit").addEventListener("click", () => store.set({ view: { kind: "chosen" } }));
find("#newest").addEventListener("click", () => store.set({ view: { kind: "newest" } }));
find("#closer").addEventListener("click", () => drawing.zoom(1.6));
find("#farther").addEventListener("click", () => drawing.zoom(1 / 1.6));
find("#fit").addEventListener("click", () => drawing.fit());
addEventListener("hashchange", recall);
recall();
