/**
 * What the page shows. It reads the state and touches the page; it knows nothing of the mesh.
 *
 * @typedef {import("./derive.js").State} State
 */

import { element, find, flash, write } from "../../page/elements.js";
import { barOf, barsOf, figuresOf, sentenceOf } from "./derive.js";

const SVG = "http://www.w3.org/2000/svg";

/** Show who this is. @param {string} name @param {string} host */
export function introduce(name, host) {
  write(find("#name"), name);
  write(find("#host"), host);
}

/** @param {State} state */
export function show(state) {
  const isLent = state.status !== "idle" && state.status !== "closed";
  const button = find("#lend");
  button.toggleAttribute("data-lent", isLent);
  write(find("#lend-text"), !isLent ? "Lend this tab" : state.status === "draining" ? "Stop now" : "Stop");
  const bar = barOf(state);
  find("#state").dataset.state = bar.state;
  write(find("#state"), bar.text);
  const { text, tone } = sentenceOf(state);
  find("#sentence").dataset.tone = tone;
  write(find("#sentence"), text);
  for (const [name, figure] of Object.entries(figuresOf(state))) write(find(`#${name}`), figure);
  find("#main").dataset.units = String(state.units);
  showSlots(state, isLent);
}

/** The numbers of the stepper. @param {number} chosen @param {number} there @param {boolean} isLent */
export function showCores(chosen, there, isLent) {
  write(find("#count"), String(chosen));
  write(find("#there"), `of ${there}`);
  find("#fewer").disabled = isLent || chosen <= 1;
  find("#more").disabled = isLent || chosen >= there;
}

let unitsShown = 0;

/** A block for each slot: dark while it computes, lit for a moment when a unit is done. @param {State} state @param {boolean} isLent */
function showSlots({ slots, busy, units }, isLent) {
  const list = find("#slots");
  while (list.children.length > slots) list.lastElementChild?.remove();
  while (list.children.length < slots) list.append(element("li"));
  [...list.children].forEach((block, index) => block.toggleAttribute("data-busy", isLent && index < busy));
  if (units > unitsShown) flash(list.children[units % slots]);
  unitsShown = units;
}

/** @param {number[]} rates routes per second, the newest last */
export function showMinute(rates) {
  const bars = barsOf(rates).map(([x, height]) => {
    const bar = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ x: x + 0.1, y: 12 - height, width: 0.8, height })) bar.setAttribute(name, String(value));
    return bar;
  });
  find("#minute").replaceChildren(...bars);
}
