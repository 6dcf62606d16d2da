/**
 * What the page shows around map and plot. It reads models and touches the page; it knows nothing of the mesh.
 */

import { element, find, tell, write } from "../page/elements.js";
import { rows } from "../page/rows.js";
import { legendModels } from "./derive.js";
import { seconds } from "./figures.js";

/** @typedef {ReturnType<typeof import("./derive.js").searchModels>[number]} SearchModel */
/** @typedef {ReturnType<typeof import("./derive.js").workerModels>[number]} WorkerModel */
/** @typedef {{show: (id: string) => void, compare: (id: string) => void, stop: (id: string) => void}} Act */

/** @param {Act} act what the reader can do with a search */
export function view(act) {
  const showWorkers = rows(find("#worker-rows"), { create: workerRow, update: updateWorker, news: ({ name }) => name });
  const showSearches = rows(find("#search-rows"), { create: (search) => searchRow(search, act), update: updateSearch, news: ({ state }) => state });
  const showLegend = rows(find("#legend"), { create: legendRow, update: updateLegend, news: () => null });
  return {
    workers: showWorkers,
    searches: showSearches,
    /** @param {import("./plot.js").Plot} plot @param {number | null} at [s] */
    legend(plot, at) {
      showLegend(legendModels(plot, at));
      write(find("#reading"), at === null || plot.axes === null ? "" : `at ${seconds(Math.round(10 * at) / 10)}`);
    },
    /** @param {{[id: string]: string}} texts by id of the element */
    texts(texts) {
      for (const [id, text] of Object.entries(texts)) write(find(`#${id}`), text);
    },
    /** @param {string} selector @param {{title: string, text: string} | string | null} note */
    note(selector, note) {
      tell(find(selector), note);
    },
    /** @param {{value: string, text: string}[]} problems */
    known(problems) {
      const group = find("#known");
      const options = [...group.children];
      if (problems.length === options.length && problems.every(({ value, text }, i) => options[i].value === value && options[i].textContent === text)) return;
      const { value } = find("#instance");
      group.replaceChildren(...problems.map((each) => element("option", { value: each.value }, each.text)));
      find("#instance").value = value;
    },
    /** @param {{state: string, text: string}} state */
    state({ state, text }) {
      find("#state").dataset.state = state;
      write(find("#state"), text);
    },
  };
}

/** A bar beside a figure. @param {string} name */
const bar = (name) => element("i", { class: `bar-of ${name}`, "aria-hidden": "true" }, element("i"));

function workerRow() {
  // The roles are said aloud because on small screens the rows are laid out as grids, which takes them away.
  const cell = (/** @type {string} */ name, /** @type {Node[]} */ ...children) => element("td", { class: name, role: "cell" }, ...children);
  return element(
    "tr",
    { role: "row" },
    element("th", { scope: "row", class: "name", role: "rowheader" }),
    cell("kind"),
    cell("host"),
    cell("slots", bar("busy"), element("span")),
    cell("cpu", bar("load"), element("span")),
    cell("routes", bar("share"), element("span")),
    cell("number units", element("span"), element("small", { class: "refused" })),
  );
}

/** @param {HTMLElement} row @param {WorkerModel} worker */
function updateWorker(row, worker) {
  for (const name of /** @type {const} */ (["name", "kind", "host", "refused"])) write(find(`.${name}`, row), worker[name]);
  for (const name of /** @type {const} */ (["slots", "cpu", "routes", "units"])) write(find(`.${name} > span`, row), worker[name]);
  for (const name of /** @type {const} */ (["busy", "load", "share"])) {
    find(`.${name} > i`, row).style.width = `${Math.round(100 * Math.min(worker[name], 1))}%`;
  }
}

/** @param {SearchModel} search @param {Act} act */
function searchRow({ id }, act) {
  const cell = (/** @type {string} */ name, /** @type {Node[]} */ ...children) => element("td", { class: name, role: "cell" }, ...children);
  return element(
    "tr",
    { role: "row" },
    cell("compare", element("label", {}, element("input", { type: "checkbox", change: () => act.compare(id) }), element("i", { class: "swatch" }))),
    element("th", { scope: "row", class: "problem-name", role: "rowheader" }, element("button", { class: "bare", type: "button", click: () => act.show(id) })),
    cell("number size"),
    cell("state-text"),
    cell("number length"),
    cell("number gap"),
    cell("number time"),
    cell("number routes"),
    cell("settings"),
    cell("stop", element("button", { type: "button", click: () => act.stop(id) }, "Stop")),
  );
}

/** @param {HTMLElement} row @param {SearchModel} search */
function updateSearch(row, search) {
  for (const name of /** @type {const} */ (["size", "length", "gap", "time", "routes", "settings"])) write(find(`.${name}`, row), search[name]);
  write(find(".state-text", row), search.stateText);
  row.dataset.state = search.state;
  row.toggleAttribute("data-shown", search.shown);
  const show = find(".problem-name button", row);
  write(show, search.name);
  show.setAttribute("aria-label", `Show ${search.name}, ${search.stateText}, length ${search.length}`);
  show.setAttribute("aria-pressed", String(search.shown));
  const box = find(".compare input", row);
  box.checked = search.shown || search.compared;
  box.disabled = !search.comparable;
  box.setAttribute("aria-label", search.shown ? `${search.name} is shown` : `Compare ${search.name}, length ${search.length}`);
  swatch(find(".swatch", row), search.slot);
  find(".stop button", row).hidden = !search.stoppable;
}

/** @param {HTMLElement} node @param {number | null} slot */
function swatch(node, slot) {
  node.className = slot === null ? "swatch" : `swatch run-${slot}`;
}

/** @typedef {ReturnType<typeof legendModels>[number]} LegendModel */

function legendRow() {
  return element("li", {}, element("i", { class: "swatch" }), element("span", { class: "run" }), element("b"));
}

/** @param {HTMLElement} row @param {LegendModel} run */
function updateLegend(row, run) {
  swatch(find(".swatch", row), run.slot);
  row.toggleAttribute("data-shown", run.shown);
  write(find(".run", row), run.name);
  write(find("b", row), run.value);
}
