/**
 * A canvas that is drawn when something has changed, at most once a frame, and as sharp as the screen is.
 *
 * @typedef {object} Sheet what is drawn on
 * @property {CanvasRenderingContext2D} pen its unit is a CSS pixel
 * @property {number} width [px]
 * @property {number} height [px]
 * @property {(name: string) => string} ink a colour of the style sheet, without its "--"
 * @property {number} now [ms]
 */

/**
 * @param {HTMLCanvasElement} canvas its size is that of its style
 * @param {(sheet: Sheet) => boolean | void} draw draws all of it; true: something moves, draw again
 */
export function sheet(canvas, draw) {
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const inks = inksAt(canvas);
  let due = false;
  let [width, height] = [0, 0];

  function frame() {
    due = false;
    if (width === 0 || height === 0) return;
    const ratio = canvas.width / width;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (draw({ pen, width, height, ink: inks.ink, now: performance.now() })) redraw();
  }
  function redraw() {
    if (due) return;
    due = true;
    requestAnimationFrame(frame);
  }
  function fit() {
    [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const ratio = devicePixelRatio;
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    // at once: a canvas that has got a size is empty until it is drawn
    frame();
  }

  new ResizeObserver(fit).observe(canvas);
  watchRatio(fit);
  inks.onchange(redraw);
  return { redraw, size: () => ({ width, height }) };
}

/** Call `tell` when the window comes to a screen of another density. @param {() => void} tell */
function watchRatio(tell) {
  matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", () => (tell(), watchRatio(tell)), { once: true });
}

/** Colours of the style sheet as they are in this light: a canvas does not understand `var(--ink)`. @param {HTMLElement} beside */
function inksAt(beside) {
  const probe = document.createElement("span");
  probe.hidden = true;
  beside.after(probe);
  /** @type {Map<string, string>} */
  const known = new Map();
  return {
    /** @param {string} name */
    ink(name) {
      let colour = known.get(name);
      if (colour === undefined) {
        probe.style.color = `var(--${name})`;
        colour = getComputedStyle(probe).color;
        known.set(name, colour);
      }
      return colour;
    },
    /** @param {() => void} tell */
    onchange(tell) {
      const forget = () => (known.clear(), tell());
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", forget);
      new MutationObserver(forget).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    },
  };
}
