/**
 * The plot: how the length of each run fell over time. The reader moves a line over it, by pointer or keyboard, and reads values.
 *
 * @typedef {import("./scale.js").Run} Run
 * @typedef {import("./scale.js").Axes} Axes
 * @typedef {import("./canvas.js").Sheet} Sheet
 * @typedef {ReturnType<typeof plotOf>} Plot
 * @typedef {object} Field where the lines are, within the axes
 * @property {number} left
 * @property {number} right
 * @property {number} top
 * @property {number} bottom
 * @property {(time: number) => number} x
 * @property {(share: number) => number} y
 */

import { sheet } from "./canvas.js";
import { grouped } from "./figures.js";
import { heightOf, marksOf, plotOf, pointAt, ticks } from "./scale.js";

/** Dashes of the lines by slot, so that colour is not all that tells them apart. */
const DASHES = [[], [], [7, 3], [2, 3], [9, 3, 2, 3], [4, 4]];

/** @param {HTMLCanvasElement} canvas @param {(plot: Plot, at: number | null) => void} onread told what is shown, and where the reader's line is [s] */
export function plot(canvas, onread) {
  const paper = sheet(canvas, draw);
  let shown = plotOf([]);
  /** Where the reader's line is. @type {number | null} */
  let at = null;
  let [left, right] = [0, 1];

  /** @param {Sheet} on */
  function draw(on) {
    const { axes, lines } = shown;
    if (!axes) return;
    on.pen.font = `11.5px ${getComputedStyle(canvas).fontFamily}`;
    const lengthWidth = axes.shortest === null ? 0 : on.pen.measureText(grouped(axes.shortest * (1 + axes.high))).width + 8;
    [left, right] = [52, on.width - 16 - lengthWidth];
    const [top, bottom] = [28, on.height - 26];
    const x = (/** @type {number} */ time) => left + ((right - left) * time) / axes.end;
    const y = (/** @type {number} */ share) => bottom - (bottom - top) * heightOf(axes, share);
    const field = { left, right, top, bottom, x, y };
    drawAxes(on, field, axes);
    for (const line of [...lines].reverse()) drawLine(on, field, line);
    if (at !== null) drawReading(on, field, lines, at);
  }

  /** @param {number | null} time */
  function read(time) {
    at = time === null || !shown.axes ? null : Math.min(Math.max(time, 0), shown.axes.end);
    onread(shown, at);
    paper.redraw();
  }

  canvas.addEventListener("pointermove", (event) => {
    if (shown.axes) read((shown.axes.end * (event.clientX - canvas.getBoundingClientRect().left - left)) / (right - left));
  });
  for (const over of ["pointerleave", "blur"]) canvas.addEventListener(over, () => read(null));
  canvas.addEventListener("keydown", (event) => {
    if (!shown.axes || event.ctrlKey || event.metaKey || event.altKey) return;
    const { end } = shown.axes;
    const step = end / (event.shiftKey ? 10 : 100);
    const next = /** @type {{[key: string]: number | null}} */ ({
      ArrowLeft: (at ?? end) - step,
      ArrowRight: (at ?? 0) + step,
      Home: 0,
      End: end,
      Escape: null,
    })[event.key];
    if (next === undefined) return;
    event.preventDefault();
    read(next);
  });

  return {
    /** @param {Run[]} runs */
    show(runs) {
      shown = plotOf(runs);
      read(at);
    },
  };
}

/** @param {Sheet} on @param {Field} field @param {Axes} axes */
function drawAxes({ pen, ink, width }, { left, right, top, bottom, x, y }, axes) {
  pen.lineWidth = 1;
  pen.strokeStyle = ink("line");
  pen.fillStyle = ink("soft");
  pen.textBaseline = "middle";
  for (const share of marksOf(axes, bottom - top, 24)) {
    const level = Math.round(y(share)) + 0.5;
    pen.strokeStyle = ink(share === 0 && axes.optimal ? "good" : "line");
    pen.beginPath();
    pen.moveTo(left, level);
    pen.lineTo(right, level);
    pen.stroke();
    pen.textAlign = "right";
    pen.fillText(`${Number((100 * share).toPrecision(3))} %`, left - 8, level);
    pen.textAlign = "left";
    if (axes.shortest !== null) pen.fillText(grouped(axes.shortest * (1 + share)), right + 8, level);
  }
  pen.textBaseline = "alphabetic";
  pen.fillText(axes.optimal ? "Above the optimum" : "Above the shortest known", 10, 14);
  pen.textAlign = "right";
  if (axes.shortest !== null) pen.fillText(`Length${axes.unit && ` [${axes.unit}]`}`, width - 8, 14);
  pen.textAlign = "center";
  for (const time of ticks(axes.end, Math.max(2, Math.floor((right - left) / 90)))) pen.fillText(`${time}${time === 0 ? "" : " s"}`, x(time), bottom + 18);
}

/** @param {Sheet} on @param {Field} field @param {Plot["lines"][number]} line */
function drawLine({ pen, ink }, { x, y }, { points, shares, seconds: end, slot, shown }) {
  pen.strokeStyle = ink(`run-${slot}`);
  pen.lineWidth = shown ? 2.4 : 1.6;
  pen.lineJoin = "round";
  pen.setLineDash(DASHES[slot]);
  pen.beginPath();
  points.forEach(([time], i) => {
    if (i > 0) pen.lineTo(x(time), y(shares[i - 1]));
    pen.lineTo(x(time), y(shares[i]));
  });
  pen.lineTo(x(Math.max(points[points.length - 1][0], end)), y(shares[shares.length - 1]));
  pen.stroke();
  pen.setLineDash([]);
}

/** @param {Sheet} on @param {Field} field @param {Plot["lines"]} lines @param {number} at [s] */
function drawReading({ pen, ink }, { top, bottom, x, y }, lines, at) {
  pen.strokeStyle = ink("soft");
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(Math.round(x(at)) + 0.5, top);
  pen.lineTo(Math.round(x(at)) + 0.5, bottom);
  pen.stroke();
  for (const line of lines) {
    const i = pointAt(line, at);
    if (i < 0) continue;
    pen.fillStyle = ink(`run-${line.slot}`);
    pen.beginPath();
    pen.arc(x(at), y(line.shares[i]), line.shown ? 4.5 : 3.5, 0, 2 * Math.PI);
    pen.fill();
  }
}
