/** Figures as people read them. Pure. */

/** 1234567 -> "1,234,567" @param {number} count */
export const grouped = (count) => count.toLocaleString("en", { maximumFractionDigits: 0 });

/** Three digits and what they are thousands of. @param {number} count */
export function compact(count) {
  const [size, letter] = count >= 999.5e6 ? [1e9, " G"] : count >= 999.5e3 ? [1e6, " M"] : count >= 999.5 ? [1e3, " k"] : [1, ""];
  const value = count / size;
  return `${size === 1 ? Math.round(value) : value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)}${letter}`;
}

/** 0.00523 -> "0.52 %"; "–" if nobody knows. @param {number | null} share */
export function percent(share) {
  if (share === null) return "–";
  if (share === 0) return "0 %";
  const value = 100 * share;
  return `${Math.abs(value) < 0.005 ? "< 0.01" : value.toFixed(Math.abs(value) < 9.995 ? 2 : 1)} %`;
}

/** 3.24 -> "3.2 s" @param {number} time [s] */
export const seconds = (time) => `${secondsFigure(time)} s`;

/** @param {number} time [s] */
function secondsFigure(time) {
  return time >= 99.95 || Number.isInteger(time) ? grouped(time) : time.toFixed(1);
}

/** How far of how much: "3.2 of 5 s". @param {number} time @param {number} budget */
export const secondsOf = (time, budget) => `${time.toFixed(time >= 99.95 ? 0 : 1)} of ${seconds(budget)}`;

/** A length with its unit: lengths on the globe are kilometres, others have none. @param {number} length @param {string} kind of distance */
export const lengthText = (length, kind) => `${grouped(length)}${kind === "GEO" ? " km" : ""}`;

/** "1 worker", "2 workers" @param {number} count @param {string} thing @param {string} [things] */
export const counted = (count, thing, things = `${thing}s`) => `${grouped(count)} ${count === 1 ? thing : things}`;
