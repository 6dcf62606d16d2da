/**
 * What mouse, pen and fingers do on a canvas: tap, take a thing and carry it, move the whole, look closer.
 *
 * @typedef {object} Hand what follows; x and y are those of the canvas [px]
 * @property {(x: number, y: number) => boolean} take whether there is something that can be carried
 * @property {(x: number, y: number) => void} carry
 * @property {() => void} drop
 * @property {(x: number, y: number) => void} tap
 * @property {(x: number, y: number) => void} move by so much
 * @property {(factor: number, x: number, y: number) => void} zoom
 * @property {(x: number, y: number) => void} hover
 */

/** A pointer that has moved less than this is a tap. [px] */
const STILL = 5;

/** @param {HTMLCanvasElement} canvas @param {Hand} hand */
export function gestures(canvas, hand) {
  /** Pointers that are down, where they are. @type {Map<number, {x: number, y: number}>} */
  const down = new Map();
  let start = { x: 0, y: 0 };
  let still = true;
  let carrying = false;

  const placeOf = (/** @type {MouseEvent} */ event) => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const at = placeOf(event);
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at);
    still = down.size === 1;
    carrying = still && hand.take(at.x, at.y);
    start = at;
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = placeOf(event);
    const before = down.get(event.pointerId);
    if (!before) return hand.hover(at.x, at.y);
    if (still && Math.hypot(at.x - start.x, at.y - start.y) < STILL) return;
    still = false;
    if (down.size === 2) pinch(event.pointerId, before, at);
    else if (carrying) hand.carry(at.x, at.y);
    else hand.move(at.x - before.x, at.y - before.y);
    down.set(event.pointerId, at);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!down.delete(event.pointerId)) return;
    if (still) hand.tap(start.x, start.y);
    release();
  });
  canvas.addEventListener("pointercancel", (event) => down.delete(event.pointerId) && release());
  canvas.addEventListener("pointerleave", () => hand.hover(-1, -1));
  // A wheel alone scrolls the page; with Ctrl, which a pinch on a touchpad sends too, it zooms.
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const { x, y } = placeOf(event);
    hand.zoom(Math.exp(-event.deltaY / (event.ctrlKey && Math.abs(event.deltaY) < 40 ? 80 : 300)), x, y);
  }, { passive: false });

  function release() {
    if (carrying) hand.drop();
    still = carrying = false;
  }

  /** @param {number} id @param {{x: number, y: number}} before @param {{x: number, y: number}} at */
  function pinch(id, before, at) {
    const [, other] = [...down].find(([each]) => each !== id) ?? [];
    if (!other) return;
    const distance = (/** @type {{x: number, y: number}} */ place) => Math.max(Math.hypot(place.x - other.x, place.y - other.y), 1);
    hand.move((at.x - before.x) / 2, (at.y - before.y) / 2);
    hand.zoom(distance(at) / distance(before), (at.x + other.x) / 2, (at.y + other.y) / 2);
  }
}
