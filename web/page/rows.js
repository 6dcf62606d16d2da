/**
 * A list on the page that follows a list of models: rows keep their elements, change in place, and glide to a new place.
 */

import { same } from "../deltamesh/entries.js";
import { flash } from "./elements.js";

/** How long a row takes to its new place. [ms] */
const GLIDE = 260;

/**
 * @template {{id: string | number}} Model
 * @param {HTMLElement} container
 * @param {object} how
 * @param {(model: Model) => HTMLElement} how.create an element for a new row
 * @param {(row: HTMLElement, model: Model) => void} how.update show the model in it
 * @param {(model: Model) => unknown} [how.news] what the reader should notice when it changes; the whole model by default
 * @returns {(models: Model[], about?: string) => void} shows the models, in their order; what another list was about before is not news
 */
export function rows(container, { create, update, news = (model) => model }) {
  /** @type {Map<string, {row: HTMLElement, model: Model}>} */
  let shown = new Map();
  let filled = false;
  let shownAbout = "";

  return (models, about = "") => {
    if (about !== shownAbout) filled = false;
    shownAbout = about;
    const before = filled ? placesOf(container) : new Map();
    /** @type {typeof shown} */
    const next = new Map();
    for (const model of models) {
      const id = String(model.id);
      const known = shown.get(id);
      const row = known?.row ?? create(model);
      if (!known) row.dataset.key = id;
      if (!known || !same(known.model, model)) update(row, model);
      if (filled && (!known || !same(news(known.model), news(model)))) flash(row);
      next.set(id, { row, model });
    }
    for (const [id, { row }] of shown) if (!next.has(id)) row.remove();
    place(container, [...next.values()].map(({ row }) => row));
    glide(before);
    shown = next;
    filled ||= models.length > 0;
  };
}

/** Bring the children into this order, moving as few as possible so that focus stays. @param {HTMLElement} container @param {HTMLElement[]} order */
function place(container, order) {
  const focused = document.activeElement;
  let at = container.firstElementChild;
  for (const row of order) {
    if (row === at) at = at.nextElementSibling;
    else container.insertBefore(row, at);
  }
  if (focused instanceof HTMLElement && focused !== document.activeElement && container.contains(focused)) focused.focus({ preventScroll: true });
}

/** @param {HTMLElement} container @returns {Map<Element, number>} */
function placesOf(container) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return new Map();
  return new Map([...container.children].map((row) => [row, row.getBoundingClientRect().top]));
}

/** Start each row that was elsewhere from there. @param {Map<Element, number>} before */
function glide(before) {
  for (const [row, top] of before) {
    if (!row.isConnected) continue;
    const distance = top - row.getBoundingClientRect().top;
    if (distance === 0) continue;
    row.animate([{ transform: `translateY(${distance}px)` }, { transform: "none" }], { duration: GLIDE, easing: "cubic-bezier(.2,.7,.2,1)" });
  }
}
