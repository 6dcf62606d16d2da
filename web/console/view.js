/**
 * What the console shows. It reads models and touches the page; it knows nothing of the mesh.
 */

import { element, find, write } from "../page/elements.js";
import { rows } from "../page/rows.js";

/** The size of a strip. [px] */
const STRIP = { width: 240, height: 22 };

/** @typedef {ReturnType<typeof import("./derive.js").instanceModels>[number]} InstanceModel */
/** @typedef {import("./derive.js").PreviewModel} PreviewModel */

export function view() {
  const showInstances = rows(find("#instance-rows"), { create: instanceRow, update: updateInstance, news: ({ follower, status, gaps }) => [follower, status, gaps] });
  const previews = /** @type {{[service: string]: (models: PreviewModel[]) => void}} */ ({});
  for (const service of ["departures", "hackernews", "salesman"]) {
    previews[service] = rows(find(`#${service} [data-part="rows"]`), { create: previewRow, update: updatePreview });
  }
  return {
    /** @param {{[id: string]: string}} texts by id of the element */
    gauges(texts) {
      for (const [id, text] of Object.entries(texts)) write(find(`#${id}`), text);
    },
    instances: showInstances,
    /** @param {string} service @param {PreviewModel[]} models @param {string} where @param {{title: string, text: string} | null} note */
    service(service, models, where, note) {
      previews[service](models);
      write(find(`#${service} [data-part="where"]`), where);
      const node = find(`#${service} [data-part="note"]`);
      node.hidden = note === null;
      if (note && node.textContent !== `${note.title} ${note.text}`) node.replaceChildren(element("strong", {}, note.title), ` ${note.text}`);
    },
    /** @param {{state: string, text: string}} state */
    state({ state, text }) {
      find("#state").dataset.state = state;
      write(find("#state"), text);
    },
    /** @param {boolean} probing */
    probing(probing) {
      find("#probe").disabled = probing;
    },
  };
}

/** @param {InstanceModel} model */
function instanceRow({ service, resource, params }) {
  const strip = element("canvas", { width: STRIP.width * 2, height: STRIP.height * 2, role: "img" });
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, element("span", { class: "quiet" }, `${service} `), element("b", {}, resource), element("span", { class: "quiet" }, params && ` ${params}`)),
    element("td", { class: "follower" }),
    element("td", { class: "position code" }),
    element("td", { class: "number keys" }),
    element("td", { class: "number deltas" }),
    element("td", { class: "number gaps" }),
    element("td", { class: "strip" }, strip),
  );
}

/** @param {HTMLElement} row @param {InstanceModel} model */
function updateInstance(row, model) {
  row.dataset.status = model.status;
  for (const name of /** @type {const} */ (["follower", "position", "keys", "deltas", "gaps"])) write(find(`.${name}`, row), model[name]);
  find(".position", row).title = model.epoch;
  drawStrip(find("canvas", row), model.strip);
}

/** @param {HTMLCanvasElement} canvas @param {{x: number, height: number}[]} ticks */
function drawStrip(canvas, ticks) {
  const { width, height } = canvas;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  canvas.setAttribute("aria-label", `${ticks.length} deltas in the last minute`);
  pen.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  pen.fillStyle = style.borderBottomColor;
  pen.fillRect(0, height - 1, width, 1);
  for (const tick of ticks) {
    pen.fillStyle = tick.x > 0.97 ? style.accentColor : style.color;
    pen.fillRect(Math.round(tick.x * (width - 4)), height * (1 - tick.height), 3, height * tick.height);
  }
}

function previewRow() {
  return element("li", {}, element("b", { class: "lead" }), element("span", { class: "text" }), element("span", { class: "detail quiet" }), element("span", { class: "remark" }));
}

/** @param {HTMLElement} row @param {PreviewModel} model */
function updatePreview(row, model) {
  for (const name of /** @type {const} */ (["lead", "text", "detail", "remark"])) write(find(`.${name}`, row), model[name]);
  find(".remark", row).dataset.tone = model.tone;
}
