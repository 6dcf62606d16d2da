/**
 * The console: store, derivation and view, put together.
 */

import { find, write } from "../page/elements.js";
import { ROUTER, meshOf } from "../page/mesh.js";
import { sorry, stateOf, trouble } from "../page/plain.js";
import { boardPreview, gaugeTexts, instanceModels, mapModel, postPreview, searchNote, searchPreview, seenOf, whereText } from "./derive.js";
import { map } from "./map.js";
import { Console, WINDOW } from "./store.js";
import { view } from "./view.js";

/** How often the strips move on. [ms] */
const STEP = 1_000;

const departures = meshOf("com.example.departures");
const store = new Console({ departures, hackernews: departures.of("com.example.hackernews"), salesman: departures.of("com.example.salesman") });
const page = view();
const drawing = map(find("#map"));
/** Deltas by service, as they were drawn. @type {Map<string, number>} */
const pulsed = new Map();

store.drawWith((state) => {
  const now = performance.now();
  const board = seenOf(state.instances, "departures", "board");
  const top = seenOf(state.instances, "hackernews", "top");
  const searches = seenOf(state.instances, "salesman", "searches");
  page.gauges(gaugeTexts(state, now, ROUTER));
  page.state(stateOf([board, top].find((seen) => seen.status === "live") ?? searches, state.link));
  page.service("departures", boardPreview(board), whereText(board), trouble(board, state.link, "departures"));
  page.service("hackernews", postPreview(top), whereText(top), trouble(top, state.link, "Hacker News"));
  page.service("salesman", searchPreview(searches), whereText(searches), trouble(searches, state.link, "travelling salesman") ?? searchNote(searches));
  page.instances(instanceModels(state, now, WINDOW));
  page.probing(state.probing);
  drawing.show(mapModel(state));
  pulse(state.instances);
});
setInterval(() => document.hidden || store.forget(performance.now()), STEP);

/** @param {import("./store.js").Instance[]} instances */
function pulse(instances) {
  for (const service of ["departures", "hackernews", "salesman"]) {
    const deltas = instances.filter((each) => each.service === service).reduce((sum, each) => sum + each.deltas, 0);
    if (deltas > (pulsed.get(service) ?? 0)) drawing.pulse(service);
    pulsed.set(service, deltas);
  }
}

find("#probe").addEventListener("click", async () => {
  write(find("#probe-problem"), "");
  try {
    await store.probe();
  } catch (error) {
    write(find("#probe-problem"), `The write could not be timed. ${sorry(error)}`);
  }
});
