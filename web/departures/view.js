/**
 * What the page shows. It reads models and touches the page; it knows nothing of the mesh.
 */

import { element, find, write } from "../page/elements.js";
import { rows } from "../page/rows.js";

/** @typedef {import("./derive.js").FlightModel} FlightModel */

/**
 * @param {{toggle: (id: string) => void, look: (id: string) => void}} act what the reader can do with a flight
 */
export function view(act) {
  const showBoard = rows(find("#board-rows"), { create: (flight) => boardRow(flight, act), update: updateBoardRow, news: (flight) => flight.remark.text });
  const ticket = { create: (/** @type {FlightModel} */ flight) => ticketRow(flight, act), update: updateTicket, news: (/** @type {FlightModel} */ flight) => flight.remark.text };
  const showMine = rows(find("#mine"), ticket);
  const showFound = rows(find("#found"), ticket);
  const showDelays = rows(find("#delay-rows"), { create: delayRow, update: updateDelayRow, news: (each) => each.left });

  return {
    /** @param {FlightModel[]} flights @param {string} airport */
    board(flights, airport) {
      write(find("#board-title"), `Departures from ${airport}`);
      showBoard(flights);
    },
    mine: showMine,
    found: showFound,
    delays: showDelays,
    /** @param {string} selector @param {{title: string, text: string} | string | null} note */
    note(selector, note) {
      const node = find(selector);
      node.hidden = !note;
      if (!note) return;
      const { title, text } = typeof note === "string" ? { title: "", text: note } : note;
      if (node.textContent.trim() !== `${title} ${text}`.trim()) node.replaceChildren(element("strong", {}, title), ` ${text}`);
    },
    /** @param {{[id: string]: string}} texts by id of the element */
    texts(texts) {
      for (const [id, text] of Object.entries(texts)) write(find(`#${id}`), text || "\u00a0");
    },
    /** @param {{state: string, text: string}} state */
    state({ state, text }) {
      find("#state").dataset.state = state;
      write(find("#state"), text);
    },
    detail: showDetail,
  };
}

/** @param {FlightModel} flight @param {{toggle: (id: string) => void, look: (id: string) => void}} act */
function boardRow({ id, flight }, act) {
  // The roles are said aloud because on small screens the rows are laid out as grids, which takes them away.
  const cell = (/** @type {string} */ name, /** @type {Node[]} */ ...children) => element("td", { class: name, role: "cell" }, ...children);
  return element(
    "tr",
    { role: "row" },
    cell("time", element("time")),
    cell("place", element("i"), element("b")),
    cell("flight", element("button", { class: "bare", type: "button", click: () => act.look(id), "aria-haspopup": "dialog" }, flight)),
    cell("airline"),
    cell("craft"),
    cell("remark"),
    cell("pin", pin(id, act)),
  );
}

/** @param {HTMLElement} row @param {FlightModel} flight */
function updateBoardRow(row, flight) {
  write(find("time", row), flight.time);
  write(find(".place b", row), flight.place);
  write(find(".place i", row), flight.code);
  write(find(".airline", row), flight.airline);
  write(find(".craft", row), flight.craft);
  updateRemark(row, flight);
}

/** @param {string} id @param {{toggle: (id: string) => void}} act */
function pin(id, act) {
  return element("button", { class: "bare pin", type: "button", click: () => act.toggle(id) });
}

/** @param {HTMLElement} row @param {FlightModel} flight */
function updateRemark(row, flight) {
  const remark = find(".remark", row);
  write(remark, flight.remark.text);
  remark.dataset.tone = flight.remark.tone;
  row.dataset.tone = flight.remark.tone;
  const button = find("button.pin", row);
  write(button, flight.mine ? "★" : "☆");
  button.setAttribute("aria-pressed", String(flight.mine));
  button.setAttribute("aria-label", `Keep ${flight.flight} in my flights`);
}

/** @param {FlightModel} flight @param {{toggle: (id: string) => void, look: (id: string) => void}} act */
function ticketRow({ id, flight }, act) {
  return element(
    "li",
    {},
    element("time", {}),
    element("button", { class: "bare look", type: "button", click: () => act.look(id), "aria-haspopup": "dialog" }, flight),
    element("span", { class: "remark" }),
    element("span", { class: "where" }),
    pin(id, act),
  );
}

/** @param {HTMLElement} row @param {FlightModel} flight */
function updateTicket(row, flight) {
  write(find("time", row), flight.time);
  write(find(".where", row), `${flight.from} to ${flight.place}`);
  updateRemark(row, flight);
}

/** @typedef {ReturnType<typeof import("./derive.js").delayModels>[number]} DelayModel */

function delayRow() {
  return element(
    "tr",
    {},
    element("th", { scope: "row" }),
    element("td", { class: "number flights" }),
    element("td", { class: "number left" }),
    element("td", { class: "mean" }, element("meter", { min: 0, max: 100, "aria-hidden": "true" }), element("span", {})),
    element("td", { class: "number late15" }),
    element("td", { class: "number cancelled" }),
  );
}

/** @param {HTMLElement} row @param {DelayModel} each */
function updateDelayRow(row, each) {
  write(find("th", row), each.airline);
  for (const name of /** @type {const} */ (["flights", "left", "late15", "cancelled"])) write(find(`.${name}`, row), each[name]);
  write(find(".mean span", row), each.mean);
  find("meter", row).value = each.share;
  row.toggleAttribute("data-late", each.late);
}

/** @param {ReturnType<typeof import("./derive.js").detailModel>} model */
function showDetail(model) {
  if (!model) return;
  write(find("#detail-title"), model.title);
  const remark = find("#detail-remark");
  write(remark, model.remark.text);
  remark.dataset.tone = model.remark.tone;
  const facts = find("#detail-facts");
  facts.replaceChildren(...model.facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}
