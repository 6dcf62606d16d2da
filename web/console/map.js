/**
 * The drawing of the mesh as the page knows it: the page, the router, the followers that serve the page.
 */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 520;
/** Where page, router and followers stand. */
const [PAGE_X, ROUTER_X, FOLLOWERS_X] = [52, 236, 404];
/** The least height, and what one follower takes: a circle and two lines of text. */
const [LEAST_HEIGHT, ROW] = [152, 44];

/** @typedef {ReturnType<typeof import("./derive.js").mapModel>} MapModel */

/** @param {number} count followers @returns {number} the height of the drawing, in which nothing covers anything else */
export function heightOf(count) {
  return Math.max(LEAST_HEIGHT, ROW * count);
}

/** @param {number} count @returns {{x: number, y: number}[]} where followers stand, one below the other */
export function placesOf(count) {
  const step = heightOf(count) / Math.max(count, 3);
  const top = (heightOf(count) - step * (count - 1)) / 2;
  return Array.from({ length: count }, (_, i) => ({ x: FOLLOWERS_X, y: top + step * i }));
}

/** @param {SVGSVGElement} svg */
export function map(svg) {
  /** What is drawn, so that nothing is drawn twice. */
  let drawn = "";

  return {
    /** @param {MapModel} model */
    show(model) {
      const text = JSON.stringify(model);
      if (text === drawn) return;
      drawn = text;
      const height = heightOf(model.followers.length);
      const page = { x: PAGE_X, y: height / 2 };
      const router = { x: ROUTER_X, y: height / 2 };
      const places = placesOf(model.followers.length);
      svg.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
      svg.replaceChildren(
        edge(page, router, model.open, "router"),
        ...model.followers.map(({ service, live }, i) => edge(router, places[i], model.open && live, service)),
        node(page, "this page", "", true, "below"),
        node(router, "router", "", model.open, "below"),
        ...model.followers.map(({ name, service, live }, i) => node(places[i], name === "?" ? "none yet" : name, service, live, "right")),
      );
    },
    /** A delta has come from a follower of this service. @param {string} service */
    pulse(service) {
      for (const line of svg.querySelectorAll(`line[data-to="${service}"], line[data-to="router"]`)) {
        line.classList.remove("pulse");
        line.getBoundingClientRect(); // begins the animation anew
        line.classList.add("pulse");
      }
    },
  };
}

/** @param {string} tag @param {{[name: string]: string | number}} attributes @param {...(Node | string)} children */
function shape(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** @param {{x: number, y: number}} from @param {{x: number, y: number}} to @param {boolean} live @param {string} name */
function edge(from, to, live, name) {
  return shape("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y, "data-to": name, class: live ? "live" : "" });
}

/** @param {{x: number, y: number}} at @param {string} name @param {string} detail @param {boolean} live @param {"below" | "right"} side */
function node({ x, y }, name, detail, live, side) {
  /** @type {{[name: string]: any}} */
  const label = side === "below" ? { x, y: y + 30, "text-anchor": "middle" } : { x: x + 18, y: y - (detail ? 2 : -5) };
  return shape(
    "g",
    { class: live ? "live" : "" },
    shape("circle", { cx: x, cy: y, r: 9 }),
    shape("text", { ...label, class: "name" }, name),
    ...(detail ? [shape("text", { ...label, y: label.y + 17 }, detail)] : []),
  );
}
