/**
 * What differs between two texts, line by line. Pure.
 *
 * @typedef {{sign: "+" | "-" | " " | "@", text: string}} Line
 */

/** Longer texts are compared as wholes: the table that is needed grows with the product. [lines] */
const MOST = 400;

/**
 * The lines of both texts: kept, removed and added, by their longest common subsequence.
 *
 * @param {string | null} before null: there was none
 * @param {string | null} after
 * @returns {Line[]}
 */
export function differenceOf(before, after) {
  const a = before === null ? [] : before.split("\n");
  const b = after === null ? [] : after.split("\n");
  if (a.length > MOST || b.length > MOST) return [...a.map((text) => line("-", text)), ...b.map((text) => line("+", text))];
  /** common[i][j]: lines that a from i and b from j have in common. */
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  }
  const lines = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) lines.push(line(" ", a[(j++, i++)]));
    else if (j === b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) lines.push(line("-", a[i++]));
    else lines.push(line("+", b[j++]));
  }
  return lines;
}

/** The lines of a unified difference, as tools write it. @param {string} text @returns {Line[]} */
export function unifiedLines(text) {
  return text.replace(/\n$/, "").split("\n").map((each) => {
    if (/^(---|\+\+\+|@@|diff |index )/.test(each)) return line("@", each);
    const sign = each[0] === "+" || each[0] === "-" ? each[0] : " ";
    return line(sign, each.slice(1));
  });
}

/** @param {Line["sign"]} sign @param {string} text @returns {Line} */
const line = (sign, text) => ({ sign, text });
