/**
 * From coordinates to a plane, and from the plane to the screen. Pure.
 *
 * @typedef {{left: number, right: number, bottom: number, top: number}} Box
 * @typedef {object} Plane where the cities lie, y up
 * @property {Float64Array} points x, y of each city in turn
 * @property {Box} box around them
 * @property {number} round width of the whole earth on the plane; 0: this is no map of the earth
 * @property {number} narrowing of a degree of longitude, on a map of the earth
 * @typedef {{scale: number, x: number, y: number}} Frame screen x = x + scale * plane x, screen y = y - scale * plane y
 * @typedef {{zoom: number, x: number, y: number}} Glass how closely the reader looks: 1 is everything; x, y move it [px]
 */

/** Everything, in the middle. @type {Readonly<Glass>} */
export const EVERYTHING = Object.freeze({ zoom: 1, x: 0, y: 0 });
export const MOST_ZOOM = 40;

/** Degrees of an angle that TSPLIB writes DDD.MM: degrees, then minutes. @param {number} angle */
export function degrees(angle) {
  const whole = Math.trunc(angle);
  return whole + ((angle - whole) * 5) / 3;
}

/**
 * Cities on a plane. Those of the earth (GEO: latitude, longitude) are equirectangular, true to scale along the parallel in their middle.
 *
 * @param {string} kind of distance: EUC_2D, GEO, ATT
 * @param {[number, number][]} cities
 * @param {Box} [box] if it is not to be that of the cities
 * @returns {Plane}
 */
export function planeOf(kind, cities, box) {
  const points = new Float64Array(2 * cities.length);
  if (kind !== "GEO") {
    cities.forEach(([x, y], i) => points.set([x, y], 2 * i));
    return { points, box: box ?? boxOf(points), round: 0, narrowing: 1 };
  }
  cities.forEach(([latitude, longitude], i) => points.set([degrees(longitude), degrees(latitude)], 2 * i));
  const { bottom, top } = boxOf(points);
  const narrowing = Math.max(Math.cos((((bottom + top) / 2) * Math.PI) / 180), 0.1);
  for (let i = 0; i < points.length; i += 2) points[i] *= narrowing;
  return { points, box: box ?? boxOf(points), round: 360 * narrowing, narrowing };
}

/** @param {Float64Array} points @returns {Box} */
function boxOf(points) {
  const box = { left: Infinity, right: -Infinity, bottom: Infinity, top: -Infinity };
  for (let i = 0; i < points.length; i += 2) {
    box.left = Math.min(box.left, points[i]);
    box.right = Math.max(box.right, points[i]);
    box.bottom = Math.min(box.bottom, points[i + 1]);
    box.top = Math.max(box.top, points[i + 1]);
  }
  return points.length > 0 ? box : { left: 0, right: 1, bottom: 0, top: 1 };
}

/**
 * The frame in which all of `box` is seen, in the middle, through `glass`.
 *
 * @param {Box} box @param {number} width [px] @param {number} height [px] @param {number} margin [px] @param {Glass} [glass]
 * @returns {Frame}
 */
export function frameOf({ left, right, bottom, top }, width, height, margin, glass = EVERYTHING) {
  const fitting = Math.min((width - 2 * margin) / (right - left || 1), (height - 2 * margin) / (top - bottom || 1));
  const scale = fitting * glass.zoom;
  return { scale, x: width / 2 + glass.x - (scale * (left + right)) / 2, y: height / 2 + glass.y + (scale * (bottom + top)) / 2 };
}

/**
 * Look `factor` times as closely, with the point under (x, y) staying where it is; never beyond the edge of what there is.
 *
 * @param {Glass} glass @param {number} factor @param {number} x [px] @param {number} y [px] @param {number} width @param {number} height
 * @returns {Glass}
 */
export function zoomed(glass, factor, x, y, width, height) {
  const zoom = Math.min(Math.max(glass.zoom * factor, 1), MOST_ZOOM);
  const ratio = zoom / glass.zoom;
  const [fromX, fromY] = [x - width / 2, y - height / 2];
  return moved({ zoom, x: fromX - ratio * (fromX - glass.x), y: fromY - ratio * (fromY - glass.y) }, 0, 0, width, height);
}

/** @param {Glass} glass @param {number} x [px] @param {number} y [px] @param {number} width @param {number} height @returns {Glass} */
export function moved(glass, x, y, width, height) {
  const [farX, farY] = [((glass.zoom - 1) * width) / 2, ((glass.zoom - 1) * height) / 2];
  const within = (/** @type {number} */ value, /** @type {number} */ far) => Math.min(Math.max(value, -far), far) + 0; // no -0
  return { zoom: glass.zoom, x: within(glass.x + x, farX), y: within(glass.y + y, farY) };
}

/** The place on the plane of a point of the screen. @param {Frame} frame @param {number} x [px] @param {number} y [px] */
export function placeOf(frame, x, y) {
  return { x: (x - frame.x) / frame.scale, y: (frame.y - y) / frame.scale };
}

/**
 * The city nearest to a point of the screen, if one is within reach; else -1.
 *
 * @param {Plane} plane @param {Frame} frame @param {number} x [px] @param {number} y [px] @param {number} reach [px]
 */
export function cityAt({ points }, frame, x, y, reach) {
  let nearest = -1;
  let least = reach * reach;
  for (let i = 0; i < points.length; i += 2) {
    const square = (frame.x + frame.scale * points[i] - x) ** 2 + (frame.y - frame.scale * points[i + 1] - y) ** 2;
    if (square <= least) [least, nearest] = [square, i / 2];
  }
  return nearest;
}

/** Steps of a grid on the earth. [degrees] */
const STEPS = [0.5, 1, 2, 5, 10, 30, 60];
/** Lines of it are at least so far from each other. [px] */
const APART = 68;

/**
 * Meridians and parallels to draw: where, on the plane, and what they are called. None if this is no map of the earth.
 *
 * @param {Plane} plane
 * @param {number} scale how large it is drawn [px]
 * @returns {{meridians: {at: number, text: string}[], parallels: {at: number, text: string}[]}}
 */
export function gridOf({ round, narrowing }, scale) {
  if (round === 0) return { meridians: [], parallels: [] };
  const step = STEPS.find((each) => each * scale * narrowing >= APART) ?? STEPS[STEPS.length - 1];
  const lines = (/** @type {number} */ last, /** @type {number} */ unit, /** @type {string} */ letters) => {
    const found = [];
    for (let value = -last; value <= last; value += step) {
      found.push({ at: value * unit, text: `${Math.abs(value)}°${value === 0 ? "" : letters[value < 0 ? 0 : 1]}` });
    }
    return found;
  };
  return { meridians: lines(180, narrowing, "WE"), parallels: lines(90, 1, "SN") };
}
