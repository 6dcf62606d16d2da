/**
 * The map: cities, and the best route over them. Legs that the route did not have before are marked for a moment.
 *
 * @typedef {import("./projection.js").Plane} Plane
 * @typedef {import("./projection.js").Frame} Frame
 * @typedef {import("./canvas.js").Sheet} Sheet
 * @typedef {import("./own.js").City} City
 * @typedef {object} Editing what the reader does with cities of their own
 * @property {(spot: City) => void} add
 * @property {(number: number) => void} remove
 * @property {(number: number, spot: City) => void} put
 */

import { sheet } from "./canvas.js";
import { gestures } from "./gestures.js";
import { FIELD, spotOf } from "./own.js";
import { EVERYTHING, cityAt, frameOf, gridOf, moved, placeOf, planeOf, zoomed } from "./projection.js";
import { legLines, newLegs, readTour } from "./route.js";

/** How long a new leg is marked. [ms] */
const MARKED = 1_400;
/** Marks that are kept at a time. */
const MOST_MARKS = 10;
/** How near to a city a pointer has to be. [px] */
const REACH = 12;
const MARGIN = 22;
/** A step of the mark, by the arrow keys, in units of the field; with Shift. */
const STEP = [20, 100];

/** @param {HTMLCanvasElement} canvas @param {Editing} edit */
export function map(canvas, edit) {
  const paper = sheet(canvas, draw);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  /** @type {any} */
  let cities = null;
  let id = "";
  let text = "";
  /** @type {Plane | null} */
  let plane = null;
  /** @type {Int32Array | null} */
  let tour = null;
  /** Pairs of cities whose legs are new, and since when. @type {{legs: number[], since: number}[]} */
  let marks = [];
  let glass = EVERYTHING;
  let editing = false;
  /** The city that is carried, and the one under the pointer; -1: none. */
  let [carried, under] = [-1, -1];
  /** Where the keyboard's mark is; null: nobody uses it. @type {City | null} */
  let spot = null;
  /** @type {Frame} */
  let frame = { scale: 1, x: 0, y: 0 };

  /** @param {Sheet} on */
  function draw(on) {
    if (plane === null) return;
    frame = frameOf(plane.box, on.width, on.height, MARGIN, glass);
    if (editing) drawField(on, frame);
    drawGrid(on, plane, frame);
    marks = marks.filter(({ since }) => on.now - since < MARKED);
    for (const mark of marks) drawMark(on, plane, frame, mark, calm.matches);
    if (tour) drawRoute(on, plane, frame, tour);
    drawCities(on, plane, frame, glass.zoom);
    if (under >= 0 || carried >= 0) drawRing(on, plane, frame, carried >= 0 ? carried : under);
    if (editing && spot) drawSpot(on, frame, spot);
    return marks.length > 0 && !calm.matches;
  }

  gestures(canvas, {
    take: (x, y) => editing && plane !== null && (carried = cityAt(plane, frame, x, y, REACH)) >= 0,
    carry: (x, y) => edit.put(carried, spotOf(placeOf(frame, x, y))),
    drop() {
      carried = under = -1;
      paper.redraw();
    },
    tap(x, y) {
      spot = null;
      if (!editing || !plane) return;
      const number = cityAt(plane, frame, x, y, REACH);
      if (number >= 0) edit.remove(number);
      else edit.add(spotOf(placeOf(frame, x, y)));
    },
    move: (x, y) => look(moved(glass, x, y, paper.size().width, paper.size().height)),
    zoom: (factor, x, y) => look(zoomed(glass, factor, x, y, paper.size().width, paper.size().height)),
    hover(x, y) {
      const number = editing && plane ? cityAt(plane, frame, x, y, REACH) : -1;
      canvas.style.cursor = number >= 0 ? "grab" : editing ? "crosshair" : "";
      if (number === under) return;
      under = number;
      paper.redraw();
    },
  });

  /** @param {import("./projection.js").Glass} next */
  function look(next) {
    glass = next;
    canvas.toggleAttribute("data-close", glass.zoom > 1);
    paper.redraw();
  }

  /** @param {number} factor */
  function zoom(factor) {
    const { width, height } = paper.size();
    look(zoomed(glass, factor, width / 2, height / 2, width, height));
  }

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = /** @type {{[key: string]: [number, number]}} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] })[event.key];
    const { width, height } = paper.size();
    if (arrow && editing) step(arrow, STEP[event.shiftKey ? 1 : 0]);
    else if (arrow && glass.zoom > 1) look(moved(glass, -60 * arrow[0], 60 * arrow[1], width, height));
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") look(EVERYTHING);
    else if (editing && spot && (event.key === "Enter" || event.key === " ")) useSpot(spot);
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => {
    spot = null;
    paper.redraw();
  });

  /** @param {[number, number]} arrow @param {number} far */
  function step([x, y], far) {
    spot = spot ? spotOf({ x: spot[0] + far * x, y: spot[1] + far * y }) : [FIELD.right / 2, FIELD.top / 2];
    paper.redraw();
  }

  /** @param {City} at */
  function useSpot(at) {
    const number = /** @type {City[]} */ (cities).findIndex(([x, y]) => x === at[0] && y === at[1]);
    if (number >= 0) edit.remove(number);
    else edit.add(at);
  }

  return {
    zoom,
    fit: () => look(EVERYTHING),
    /** @param {ReturnType<typeof import("./derive.js").mapModel>} model @returns {boolean} whether there is a route */
    show(model) {
      const isOther = model.id !== id;
      if (model.cities !== cities || model.editing !== editing) {
        ({ cities, editing } = model);
        plane = cities && planeOf(model.kind, cities, editing ? FIELD : undefined);
        canvas.toggleAttribute("data-editing", editing);
      }
      if (isOther) {
        glass = EVERYTHING;
        canvas.removeAttribute("data-close");
        carried = under = -1;
        spot = null;
        marks = [];
      }
      if (isOther || model.tour !== text || (tour === null && plane !== null)) {
        const next = plane && readTour(model.tour, plane.points.length / 2);
        if (next && !isOther) mark(newLegs(tour, next), next);
        [tour, text, id] = [next, model.tour, model.id];
      }
      paper.redraw();
      return tour !== null;
    },
  };

  /** @param {number[]} legs @param {Int32Array} next */
  function mark(legs, next) {
    if (legs.length === 0) return;
    const pairs = legs.flatMap((i) => [next[i], next[(i + 1) % next.length]]);
    marks = [...marks, { legs: pairs, since: performance.now() }].slice(-MOST_MARKS);
    if (calm.matches) setTimeout(paper.redraw, MARKED);
  }
}

/** Trace legs as one path. @param {Sheet} on @param {Plane} plane @param {Frame} frame @param {(line: (from: number, to: number) => void) => void} legs */
function trace({ pen }, plane, { scale, x, y }, legs) {
  pen.beginPath();
  legs((from, to) =>
    legLines(plane, from, to, (x0, y0, x1, y1) => {
      pen.moveTo(x + scale * x0, y - scale * y0);
      pen.lineTo(x + scale * x1, y - scale * y1);
    }),
  );
  pen.stroke();
}

/** @param {Sheet} on @param {Plane} plane @param {Frame} frame @param {Int32Array} tour */
function drawRoute(on, plane, frame, tour) {
  on.pen.strokeStyle = on.ink("ink");
  on.pen.lineWidth = tour.length > 800 ? 1.1 : 1.6;
  on.pen.lineCap = "round";
  trace(on, plane, frame, (line) => tour.forEach((city, i) => line(city, tour[(i + 1) % tour.length])));
}

/** @param {Sheet} on @param {Plane} plane @param {Frame} frame @param {{legs: number[], since: number}} mark @param {boolean} calm */
function drawMark(on, plane, frame, { legs, since }, calm) {
  const age = (on.now - since) / MARKED;
  on.pen.globalAlpha = calm ? 0.8 : Math.min(1, 1.25 * (1 - age));
  on.pen.strokeStyle = on.ink("change");
  on.pen.lineWidth = 6;
  on.pen.lineCap = "round";
  trace(on, plane, frame, (line) => {
    for (let i = 0; i < legs.length; i += 2) line(legs[i], legs[i + 1]);
  });
  on.pen.globalAlpha = 1;
}

/** @param {Sheet} on @param {Plane} plane @param {Frame} frame @param {number} zoom */
function drawCities(on, { points }, { scale, x, y }, zoom) {
  const { pen } = on;
  const room = Math.min(Math.max(on.width / 700, 0.65), 1);
  const count = points.length / 2;
  const radius = (count <= 120 ? 3.4 : count <= 500 ? 2.4 : 1.5) * room * Math.min(Math.sqrt(zoom), 2.5);
  pen.fillStyle = on.ink("city");
  pen.beginPath();
  for (let i = 0; i < points.length; i += 2) {
    const [left, top] = [x + scale * points[i], y - scale * points[i + 1]];
    pen.moveTo(left + radius, top);
    pen.arc(left, top, radius, 0, 2 * Math.PI);
  }
  pen.fill();
}

/** @param {Sheet} on @param {Plane} plane @param {Frame} frame @param {number} number */
function drawRing({ pen, ink }, { points }, { scale, x, y }, number) {
  if (2 * number >= points.length) return;
  pen.strokeStyle = ink("mark");
  pen.lineWidth = 2;
  pen.beginPath();
  pen.arc(x + scale * points[2 * number], y - scale * points[2 * number + 1], 8, 0, 2 * Math.PI);
  pen.stroke();
}

/** @param {Sheet} on @param {Frame} frame */
function drawField({ pen, ink }, { scale, x, y }) {
  pen.strokeStyle = ink("line");
  pen.lineWidth = 1;
  pen.setLineDash([4, 4]);
  pen.strokeRect(x + scale * FIELD.left, y - scale * FIELD.top, scale * FIELD.right, scale * FIELD.top);
  pen.setLineDash([]);
}

/** @param {Sheet} on @param {Frame} frame @param {City} spot */
function drawSpot({ pen, ink }, { scale, x, y }, spot) {
  const [left, top] = [x + scale * spot[0], y - scale * spot[1]];
  pen.strokeStyle = ink("focus");
  pen.lineWidth = 2;
  pen.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    pen.moveTo(left + 5 * dx, top + 5 * dy);
    pen.lineTo(left + 15 * dx, top + 15 * dy);
  }
  pen.stroke();
}

/** @param {Sheet} on @param {Plane} plane @param {Frame} frame */
function drawGrid({ pen, ink, width, height }, plane, frame) {
  const { meridians, parallels } = gridOf(plane, frame.scale);
  const [top, bottom] = [90, -90].map((parallel) => frame.y - frame.scale * parallel);
  pen.strokeStyle = ink("line");
  pen.fillStyle = ink("soft");
  pen.lineWidth = 1;
  pen.font = `11px ${getComputedStyle(pen.canvas).fontFamily}`;
  pen.beginPath();
  for (const { at, text } of meridians) {
    const x = Math.round(frame.x + frame.scale * at) + 0.5;
    if (x < 0 || x > width) continue;
    pen.moveTo(x, Math.max(0, top));
    pen.lineTo(x, Math.min(height, bottom));
    if (x < width - 92) pen.fillText(text, x + 4, Math.min(height, bottom) - 6); // not below the buttons
  }
  for (const { at, text } of parallels) {
    const y = Math.round(frame.y - frame.scale * at) + 0.5;
    if (y < 0 || y > height) continue;
    pen.moveTo(0, y);
    pen.lineTo(width, y);
    if (y > 14 && y < Math.min(height, bottom) - 22) pen.fillText(text, 4, y - 4);
  }
  pen.stroke();
}
