/**
 * The plot of lengths over time: what is drawn where. Pure.
 *
 * Values are shares: how much longer a route is than the shortest one that is known of its problem. They are drawn by their square roots:
 * the first moments of a search save much, and the last ones are what people compare.
 *
 * @typedef {object} Run one search as the plot shows it
 * @property {string} id
 * @property {string} name
 * @property {string} problem its id
 * @property {string} unit of lengths, "" if there is none
 * @property {number | null} optimum
 * @property {[number, number][]} points seconds, length; each holds until the next one
 * @property {number} seconds how far it has come
 * @property {number} until where it ends, at the latest [s]
 * @property {number} slot number of its colour
 * @property {boolean} shown whether the map shows it
 * @typedef {Run & {shares: number[]}} Line with a share for each point
 * @typedef {object} Axes
 * @property {number} end of the time axis [s]
 * @property {number} high the largest share
 * @property {number | null} shortest the length that has share 0; null: there are several problems
 * @property {boolean} optimal whether that is the optimum, of all problems
 * @property {string} unit of lengths
 */

/** The least that the axis of shares spans. */
const LEAST_SPAN = 0.01;
/** Shares to write on it. */
const MARKS = [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/** The shortest length that is known of each problem. @param {Run[]} runs @returns {Map<string, number>} */
function shortestKnown(runs) {
  const known = new Map();
  for (const { problem, optimum, points } of runs) known.set(problem, Math.min(known.get(problem) ?? Infinity, optimum ?? points[points.length - 1][1]));
  return known;
}

/**
 * @param {Run[]} runs
 * @returns {{axes: Axes | null, lines: Line[]}} axes null: nothing to show yet
 */
export function plotOf(runs) {
  const begun = runs.filter(({ points }) => points.length > 0);
  if (begun.length === 0) return { axes: null, lines: [] };
  const shortest = shortestKnown(begun);
  const lines = begun.map((run) => {
    const least = shortest.get(run.problem) || 1;
    return { ...run, shares: run.points.map(([, length]) => Math.max(length / least - 1, 0)) };
  });
  return {
    lines,
    axes: {
      end: Math.max(...begun.map(({ seconds, until }) => Math.max(seconds, until)), 0.1),
      high: Math.max(...lines.map(({ shares }) => shares[0]), LEAST_SPAN) * 1.04,
      shortest: shortest.size === 1 ? [...shortest.values()][0] : null,
      optimal: begun.every(({ optimum }) => optimum !== null),
      unit: begun[0].unit,
    },
  };
}

/** How far up a share is drawn: 0 at the bottom, 1 at the top. @param {Axes} axes @param {number} share */
export const heightOf = ({ high }, share) => Math.sqrt(share / high);

/** Which point of a run holds at a time; -1: none yet, or the run has ended before. @param {Run} run @param {number} at [s] */
export function pointAt({ points, seconds }, at) {
  if (at > seconds) return -1;
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * The shares to write on the axis, none too close to the next.
 *
 * @param {Axes} axes @param {number} height of the axis [px] @param {number} apart [px]
 * @returns {number[]}
 */
export function marksOf(axes, height, apart) {
  const found = [0];
  for (const share of MARKS.filter((each) => each <= axes.high)) {
    if (height * (heightOf(axes, share) - heightOf(axes, found[found.length - 1])) >= apart) found.push(share);
  }
  return found;
}

/**
 * Round values to write on an axis that begins with 0.
 *
 * @param {number} end @param {number} most how many at most, besides 0
 * @returns {number[]}
 */
export function ticks(end, most) {
  const rough = end / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5].map((each) => each * power).find((each) => each >= rough * 0.999) ?? 10 * power;
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}
