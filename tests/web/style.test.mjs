import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

/** What people with weak eyes can still read: WCAG 2, level AA. */
const READABLE = 4.5;
const LIGHTS = ["light", "dark"];
/** How much of a flash is there: from none to all of it. */
const MOMENTS = Array.from({ length: 21 }, (_, i) => i / 20);

const styleOf = (place) => readFileSync(new URL(`../../web/${place}/style.css`, import.meta.url), "utf8");
const PAGE = styleOf("page");
const DEPARTURES = styleOf("departures");

/** What a custom property is in a light, with the properties that it names put in. */
function property(style, name, light) {
  const found = new RegExp(`${name}: ([^;]+);`).exec(style)?.[1] ?? (style === PAGE ? null : property(PAGE, name, light));
  assert.notEqual(found, null, name);
  const [, bright, dark] = /^light-dark\((#\w+|color-mix\(.*?\)), (.*)\)$/.exec(found) ?? [null, found, found];
  return (light === "light" ? bright : dark).replace(/var\((--[\w-]+)\)/g, (_, other) => property(style, other, light));
}

/** "#rrggbb", or so much of it over nothing -> [red, green, blue, alpha] */
function colour(text) {
  const [, hex, share] = /^(?:color-mix\(in srgb, )?#([0-9a-f]{6})(?: (\d+)%, transparent\))?$/.exec(text);
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)).concat(share === undefined ? 1 : Number(share) / 100);
}

const over = ([r, g, b, alpha], ground) => [r, g, b].map((each, i) => each * alpha + ground[i] * (1 - alpha));
const linear = (each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
const luminance = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => sum + linear(rgb[i] / 255) * weight, 0);

function contrast(one, other) {
  const [dark, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}

/** The texts that are hard to read on a row at any moment of its flash, which fades evenly. */
function unreadable(style, light, texts, grounds) {
  const [red, green, blue, alpha] = colour(property(style, "--flash", light));
  const problems = [];
  for (const ground of grounds.map((name) => colour(property(style, name, light)))) {
    for (const moment of MOMENTS) {
      const behind = over([red, green, blue, alpha * moment], ground);
      for (const name of texts) {
        const text = name.startsWith("#") ? name : property(style, name, light);
        if (!(contrast(colour(text), behind) >= READABLE)) problems.push(`${name} in the ${light}, at ${moment}`);
      }
    }
  }
  return problems;
}

for (const light of LIGHTS) {
  test(`text on a row that has just changed is readable at every moment, in the ${light}`, () => {
    assert.deepEqual(unreadable(PAGE, light, ["--ink", "--soft", "--good", "--late", "--bad", "--mark"], ["--paper", "--sheet"]), []);
  });

  test(`so it is on the board, which is dark in any light, in the ${light}`, () => {
    const tones = [...DEPARTURES.matchAll(/\.board \[data-tone="\w+"\]\.remark \{ color: (#\w+)/g)].map(([, tone]) => tone);

    assert.equal(tones.length, 3);
    assert.deepEqual(unreadable(DEPARTURES, light, ["--b-ink", "--b-soft", "--change", ...tones], ["--b-ground"]), []);
  });

  test(`a row that has just changed has an edge that is seen beside it, in the ${light}`, () => {
    for (const [style, grounds] of [[PAGE, ["--paper", "--sheet"]], [DEPARTURES, ["--b-ground"]]]) {
      const edge = colour(property(style, "--flash-edge", light));
      const ratios = grounds.map((ground) => contrast(edge, colour(property(style, ground, light))));

      assert.ok(Math.min(...ratios) >= 3, String(ratios));
    }
  });
}
