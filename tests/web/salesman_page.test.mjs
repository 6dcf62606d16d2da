import assert from "node:assert/strict";
import { test } from "node:test";
import { searchPreview } from "../../web/console/derive.js";
import { connect } from "../../web/deltamesh.js";
import { MeshError } from "../../web/deltamesh/errors.js";
import { NOTHING_SEEN } from "../../web/page/plain.js";
import {
  captionOf, chosenProblem, compareToggled, comparedOf, farmOf, figuresOf, knownModels, legendModels, mapModel, runsOf, searchModels, shownOf, wantedOf, workerModels,
} from "../../web/salesman/derive.js";
import { compact, percent, seconds, secondsOf } from "../../web/salesman/figures.js";
import { FIELD, MOST_CITIES, added, kept, put, removed, scattered, spotOf } from "../../web/salesman/own.js";
import { EVERYTHING, MOST_ZOOM, cityAt, degrees, frameOf, gridOf, moved, placeOf, planeOf, zoomed } from "../../web/salesman/projection.js";
import { requestOf } from "../../web/salesman/request.js";
import { legLines, newLegs, readTour } from "../../web/salesman/route.js";
import { marksOf, plotOf, pointAt, ticks } from "../../web/salesman/scale.js";
import { Router } from "./mesh.mjs";

const near = (actual, expected) => assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

test("cities of the earth: degrees and minutes become an equirectangular map, east to the right, north up", () => {
  near(degrees(-12.3), -12.5);
  const { points, round, narrowing } = planeOf("GEO", [[60, 10], [60, -20.3]]);
  near(narrowing, 0.5);
  assert.deepEqual([...points].map((each) => Math.round(100 * each) / 100), [5, 60, -10.25, 60]);
  near(round, 180);
});

test("other cities are as they are, y up", () => {
  const { points, box, round } = planeOf("EUC_2D", [[1, 2], [5, 10]]);
  assert.deepEqual([[...points], box, round], [[1, 2, 5, 10], { left: 1, right: 5, bottom: 2, top: 10 }, 0]);
  const frame = frameOf(box, 100, 100, 10);
  const [low, high] = [2, 10].map((y) => frame.y - frame.scale * y);
  assert.deepEqual([low, high], [90, 10]);
});

test("a single city, and none, are in the middle", () => {
  const { box } = planeOf("EUC_2D", [[7, 7]]);
  const frame = frameOf(box, 200, 100, 10);
  assert.deepEqual([frame.x + 7 * frame.scale, frame.y - 7 * frame.scale], [100, 50]);
  assert.equal(planeOf("ATT", []).points.length, 0);
});

test("to look closer keeps the point under the finger, and never leaves the map", () => {
  const box = { left: 0, right: 100, bottom: 0, top: 100 };
  const glass = zoomed(EVERYTHING, 4, 30, 70, 200, 200);
  const [before, after] = [EVERYTHING, glass].map((each) => placeOf(frameOf(box, 200, 200, 0, each), 30, 70));
  near(before.x, after.x);
  near(before.y, after.y);
  assert.equal(zoomed(glass, 1000, 0, 0, 200, 200).zoom, MOST_ZOOM);
  assert.deepEqual(moved(glass, 1e6, -1e6, 200, 200), { zoom: 4, x: 300, y: -300 });
  assert.deepEqual(zoomed(glass, 0.001, 5, 5, 200, 200), EVERYTHING);
});

test("the city under a pointer is the nearest one within reach", () => {
  const plane = planeOf("EUC_2D", [[0, 0], [10, 0], [12, 0]]);
  const frame = { scale: 1, x: 0, y: 0 };
  assert.deepEqual([cityAt(plane, frame, 11.5, 0, 3), cityAt(plane, frame, 10.2, 1, 3), cityAt(plane, frame, 5, 0, 3)], [2, 1, -1]);
});

test("the grid of the earth is as fine as there is room, and other maps have none", () => {
  const plane = planeOf("GEO", [[-10, -170], [10, 170]]);
  assert.deepEqual(gridOf(plane, 3).meridians.map(({ text }) => text).slice(0, 3), ["180°W", "150°W", "120°W"]);
  assert.deepEqual(gridOf(plane, 1).parallels.map(({ text }) => text), ["90°S", "30°S", "30°N", "90°N"]);
  assert.deepEqual(gridOf(planeOf("ATT", [[0, 0], [1, 1]]), 3), { meridians: [], parallels: [] });
});

test("a tour is read only if it is a permutation", () => {
  assert.deepEqual([...readTour("[2,0,1]", 3)], [2, 0, 1]);
  for (const text of ["[0,1]", "[0,1,1]", "[0,1,3]", "[0,1,-1]", "[0,1,1.5]", "[0,1,", '"012"', null, [0, 1, 2]]) assert.equal(readTour(text, 3), null, String(text));
});

test("new legs are those that the tour before did not have, in either direction", () => {
  const before = Int32Array.of(0, 1, 2, 3, 4);
  assert.deepEqual(newLegs(before, Int32Array.of(2, 1, 0, 4, 3)), []);
  const after = Int32Array.of(0, 2, 1, 3, 4);
  assert.deepEqual(newLegs(before, after).map((i) => [after[i], after[(i + 1) % 5]]), [[0, 2], [1, 3]]);
  assert.deepEqual([newLegs(null, after), newLegs(Int32Array.of(0, 1, 2), after)], [[], []]);
});

test("a leg over the edge of the earth is drawn on both sides", () => {
  const lines = (plane) => {
    const found = [];
    legLines(plane, 0, 1, (...line) => found.push(line));
    return found;
  };
  const plane = planeOf("GEO", [[0, 170], [0, -170]]);
  assert.deepEqual(lines(plane), [[170, 0, 190, 0], [-190, 0, -170, 0]]);
  assert.deepEqual(lines(planeOf("EUC_2D", [[0, 170], [0, -170]])), [[0, 170, 0, -170]]);
});

const run = (more) => ({
  id: "a", name: "A", problem: "p", unit: "", optimum: null, points: [[0, 120], [1, 110], [3, 100]], seconds: 4, until: 5, slot: 0, shown: true, ...more,
});

test("runs of one problem are plotted above its optimum, or above the shortest of them", () => {
  const { axes, lines } = plotOf([run({ optimum: 80 }), run({ id: "empty", points: [] })]);
  assert.deepEqual([axes.shortest, axes.optimal, axes.end, lines.length], [80, true, 5, 1]);
  assert.deepEqual(lines[0].shares.map((share) => Math.round(1000 * share)), [500, 375, 250]);
  const unknown = plotOf([run({}), run({ id: "b", points: [[0, 130], [2, 90]], until: 9 })]);
  assert.deepEqual([unknown.axes.shortest, unknown.axes.optimal, unknown.axes.end], [90, false, 9]);
  assert.equal(plotOf([]).axes, null);
});

test("runs of several problems have shares in common, and no lengths", () => {
  const { axes, lines } = plotOf([run({ optimum: 100 }), run({ id: "b", problem: "q", points: [[0, 66], [1, 60]] })]);
  assert.deepEqual([axes.shortest, axes.optimal], [null, false]);
  assert.deepEqual(lines.map(({ shares }) => Math.round(100 * shares[0])), [20, 10]);
});

test("the point that holds at a time", () => {
  assert.deepEqual([-1, 0, 0.9, 1, 3.5, 4, 4.1].map((at) => pointAt(run({}), at)), [-1, 0, 0, 1, 2, 2, -1]);
});

test("axes are written at round values that do not touch", () => {
  assert.deepEqual([ticks(5, 6), ticks(8, 5), ticks(600, 4), ticks(0.1, 2)], [[0, 1, 2, 3, 4, 5], [0, 2, 4, 6, 8], [0, 200, 400, 600], [0, 0.05, 0.1]]);
  assert.deepEqual(marksOf({ high: 0.25 }, 170, 24), [0, 0.005, 0.02, 0.05, 0.1, 0.2]);
});

test("figures", () => {
  assert.deepEqual([0, 999, 1234, 999_600, 12_345_678, 2.5e9].map(compact), ["0", "999", "1.23 k", "1.00 M", "12.3 M", "2.50 G"]);
  assert.deepEqual([null, 0, 0.00001, 0.00523, 0.1234].map(percent), ["–", "0 %", "< 0.01 %", "0.52 %", "12.3 %"]);
  assert.deepEqual([seconds(5), seconds(0.25), seconds(600), secondsOf(3.21, 5), secondsOf(120.4, 600)], ["5 s", "0.3 s", "600 s", "3.2 of 5 s", "120 of 600 s"]);
});

test("own cities are whole numbers within the field, no two at one spot", () => {
  const cities = added(added([], [1, 2]), spotOf({ x: 1e9, y: -5.4 }));
  assert.deepEqual(cities, [[1, 2], [FIELD.right, 0]]);
  assert.equal(added(cities, [1, 2]), cities);
  assert.deepEqual([put(cities, 0, [3, 3]), put(cities, 0, [FIELD.right, 0]), removed(cities, 0)], [[[3, 3], [FIELD.right, 0]], cities, [[FIELD.right, 0]]]);
  const all = scattered(MOST_CITIES, 7);
  assert.equal(new Set(all.map(String)).size, MOST_CITIES);
  assert.deepEqual(scattered(5, 7), all.slice(0, 5));
  assert.equal(added(all, [0, 0]).length, MOST_CITIES);
  assert.deepEqual([kept("[[1,2]]"), kept(null), kept("{"), kept('[["a",1]]'), kept("[[1,null]]")], [[[1, 2]], [], [], [], []]);
});

const FORM = { instance: "known:berlin52", world: "200", budget: "5", temperature: "", cooling: "exponential", chains: "", seed: "" };

test("a request says what the controls say, and nothing that was left open", () => {
  assert.deepEqual(requestOf(FORM, []).request, [{ name: "berlin52" }, 5, { cooling: "exponential" }]);
  assert.deepEqual(requestOf({ ...FORM, instance: "world", temperature: "1.5", cooling: "linear", chains: "4", seed: "0" }, []).request, [
    { world: 200 }, 5, { cooling: "linear", temperature: 1.5, chains: 4, seed: 0 },
  ]);
  const own = [[0, 0], [1, 0], [0, 1]];
  assert.deepEqual(requestOf({ ...FORM, instance: "own" }, own).request[0], { name: "own 3", kind: "EUC_2D", cities: own });
  assert.match(requestOf({ ...FORM, instance: "own" }, own.slice(1)).problem, /at least 3 cities/);
  assert.match(requestOf({ ...FORM, instance: "" }, []).problem, /Choose/);
  assert.match(requestOf({ ...FORM, budget: "" }, []).problem, /time/);
});

const live = (...values) => ({ ...NOTHING_SEEN, status: "live", opened: true, entries: values.map((value, i) => [i, [value]]) });
const PROBLEM = { id: "p1", name: "berlin52", kind: "EUC_2D", size: 52, optimum: 7542, is_known: true };
const WORLD = { id: "p2", name: "world 200", kind: "GEO", size: 200, optimum: null, is_known: false };
const OPTIONS = { seed: null, temperature: null, cooling: "exponential", chains: null, rounds: null };
const SEARCH = {
  id: "s2", number: 2, state: "running", problem: PROBLEM, options: OPTIONS, budget: 5, began: 1e9, seconds: 3.21, length: 7600, start: 9000, gap: 7600 / 7542 - 1,
  routes: 1_234_567, rate: 500_000, temperature: 12.345, chains: 2, units: 9, refused: 0, overdue: 0, workers: 2,
};
const OLD = { ...SEARCH, id: "s1", state: "done", problem: WORLD, gap: null, seconds: 5, options: { ...OPTIONS, temperature: 2, cooling: "linear", seed: 7 } };
const state = (more) => ({
  link: "open", view: { kind: "newest" }, compared: [], instance: "known:berlin52", world: "200", own: [], mine: [], stopping: [], starting: false, ...more,
  seen: { problems: live(PROBLEM, WORLD), searches: live(SEARCH, OLD), ...more?.seen },
});

test("the newest search is shown unless the reader chose another one, or an instance", () => {
  assert.deepEqual([{}, { view: { kind: "search", id: "s1" } }, { view: { kind: "chosen" } }].map((more) => shownOf(state(more))), ["s2", "s1", null]);
  assert.equal(shownOf({ ...state(), seen: {} }), null);
});

test("what is followed: cities and route of the shown search, progress of the compared ones", () => {
  const keys = (more) => wantedOf(state(more)).map(([key]) => key).slice(3);
  assert.deepEqual(keys({ compared: [{ id: "s1", slot: 1 }] }), ["problem p1", "route s2", "progress s2", "progress s1"]);
  assert.deepEqual(keys({ view: { kind: "chosen" }, instance: "world" }), ["problem p2"]);
  assert.deepEqual(keys({ view: { kind: "search", id: "gone" } }), ["route gone", "search gone", "progress gone"], "one that is not among the newest is asked for");
  assert.equal(chosenProblem(state({ instance: "world", world: "201" })), null);
});

test("the map shows cities before a search, and the route as soon as there is one", () => {
  const cities = [[0, 0], [1, 1], [2, 0]];
  const seen = { "problem p1": live({ ...PROBLEM, cities }), "route s2": live({ tour: "[0,1,2]" }) };
  assert.deepEqual(mapModel(state({ seen })), { id: "s2", kind: "EUC_2D", cities, tour: "[0,1,2]", editing: false });
  assert.deepEqual(mapModel(state({ seen, view: { kind: "chosen" } })), { id: "problem p1", kind: "EUC_2D", cities, tour: null, editing: false });
  assert.deepEqual(mapModel(state({ instance: "own", view: { kind: "chosen" }, own: cities })), { id: "own", kind: "EUC_2D", cities, tour: null, editing: true });
  assert.equal(mapModel({ ...state(), seen: {} }).cities, null);
});

test("captions and figures", () => {
  assert.deepEqual(captionOf(state()), { title: "berlin52", remark: "52 cities · Running" });
  assert.equal(captionOf(state({ mine: ["s2"], stopping: ["s2"] })).remark, "52 cities · Stopping");
  assert.deepEqual(captionOf(state({ view: { kind: "chosen" }, instance: "own" })), { title: "Your cities", remark: "none yet" });
  const figures = figuresOf(state());
  assert.deepEqual([figures["f-length"], figures["f-gap"], figures["f-time"], figures["f-routes"], figures["f-temperature"]], ["7,600", "0.77 %", "3.2 of 5 s", "1.23 M", "temperature 12"]);
  assert.deepEqual([figuresOf(state({ view: { kind: "search", id: "s1" } }))["f-length"], figuresOf({ ...state(), seen: {} })["f-length"]], ["7,600 km", "–"]);
});

test("searches with their settings; only those of this page can be stopped", () => {
  const [running, done] = searchModels(state({ mine: ["s2"], compared: [{ id: "s1", slot: 3 }] }));
  assert.deepEqual([running.shown, running.slot, running.stoppable, running.comparable, running.settings], [true, 0, true, false, "2 chains"]);
  assert.deepEqual([done.shown, done.slot, done.stoppable, done.gap, done.settings], [false, 3, false, "–", "temperature 2, linear, 2 chains, seed 7"]);
  assert.equal(searchModels(state())[0].stoppable, false);
  assert.equal(searchModels(state({ mine: ["s2"], stopping: ["s2"] }))[0].stoppable, false);
});

test("a compared run keeps its colour while others come and go", () => {
  let compared = ["a", "b", "c"].reduce(compareToggled, []);
  compared = compareToggled(compareToggled(compared, "a"), "d");
  assert.deepEqual(compared, [{ id: "b", slot: 2 }, { id: "c", slot: 3 }, { id: "d", slot: 1 }]);
  assert.equal(["e", "f", "g"].reduce(compareToggled, compared).length, 5);
  assert.deepEqual(comparedOf(state({ compared: [{ id: "s2", slot: 1 }, { id: "s1", slot: 2 }] })), ["s2", "s1"]);
});

test("the legend reads values at a time", () => {
  const compared = [{ id: "s1", slot: 1 }];
  const seen = { "progress s2": live([0, 9000], [2, 7600]), "progress s1": live([1, 8000]) };
  const plot = plotOf(runsOf(state({ compared, seen })));
  assert.deepEqual(legendModels(plot, null).map(({ value }) => value), ["7,600 (0.77 %)", "8,000 km (0 %)"]);
  assert.deepEqual(legendModels(plot, 0.5).map(({ value }) => value), ["9,000 (19.3 %)", "–"]);
});

test("workers by name, with bars against the fastest; totals of the farm", () => {
  const worker = { session: 11, name: "linus", kind: "python", host: "vm", concurrency: 2, busy: 1, cpu: 0.5, routes: 4_000_000, units: 1200, accepted: 9, refused: 0 };
  const tab = { ...worker, session: 12, name: "ada", kind: "browser", host: "", concurrency: 1, cpu: null, routes: 1_000_000, refused: 3 };
  const workers = { seen: { workers: live(worker, tab) } };
  const [ada, linus] = workerModels(state(workers));
  assert.deepEqual([ada.name, ada.kind, ada.cpu, ada.share, ada.refused], ["ada", "Browser", "–", 0.25, "3 refused"]);
  assert.deepEqual([linus.slots, linus.busy, linus.cpu, linus.routes, linus.units, linus.refused], ["1 of 2", 0.5, "50 %", "4.00 M", "1,200", ""]);
  const { "farm-routes": routes, "farm-workers": count, "farm-slots": slots } = farmOf(state(workers));
  assert.deepEqual([routes, count, slots], ["5.00 M", "2", "2 of 3"]);
  assert.match(farmOf(state())["farm-note"], /Nobody computes/);
});

test("the console shows the newest searches", () => {
  assert.deepEqual(searchPreview(live(SEARCH, OLD))[1], { id: "s1", lead: "200", text: "world 200", detail: "7,600 km", remark: "Done", tone: "soft" });
});

test("known problems to choose from", () => {
  assert.deepEqual(knownModels(state()), [{ value: "known:berlin52", text: "berlin52 · 52 cities · 7,542" }]);
});

// What the page needs of the library beyond what others need: a call that takes its time.

function setup(t, solve) {
  const router = new Router();
  if (solve) router.procedures.set("S.solve", [solve]);
  const mesh = connect({ service: "S", client: () => router.join() });
  t.after(() => mesh.close());
  return { router, mesh };
}

test("a call that takes its time gives what it has so far, then its answer", async (t) => {
  const { mesh } = setup(t, async ([problem], kwargs, onpart) => {
    onpart({ length: 9 });
    return { problem, length: 7 };
  });
  const parts = [];
  assert.deepEqual(await mesh.run("solve", ["p"], { onpart: (part) => parts.push(part) }), { problem: "p", length: 7 });
  assert.deepEqual(parts, [{ length: 9 }]);
});

test("when it is cancelled its procedure is asked to end, and its answer counts", async (t) => {
  const ending = new AbortController();
  const { mesh } = setup(t, (args, kwargs, onpart, signal) => new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve("what there was"));
    queueMicrotask(() => ending.abort());
  }));
  assert.equal(await mesh.run("solve", [], { signal: ending.signal }), "what there was");
});

test("it is not made if it was cancelled before there was a connection, and never repeated", async (t) => {
  const calls = [];
  const { router, mesh } = setup(t, (args) => {
    calls.push(args);
    throw new MeshError("deltamesh.error.queue_full", "full", { retry: true });
  });
  router.running = false;
  await assert.rejects(mesh.run("solve", ["early"], { signal: AbortSignal.abort() }), { uri: "wamp.error.canceled", retry: false });
  router.start();
  await assert.rejects(mesh.run("solve", ["once"]), { uri: "deltamesh.error.queue_full" });
  assert.deepEqual(calls, [["once"]]);
});

test("it has its own limit", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { mesh } = setup(t, () => new Promise(() => undefined));
  const answer = mesh.run("solve", [], { limit: 90_000 });
  await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(89_000);
  t.mock.timers.tick(1_500);
  await assert.rejects(answer, { uri: "deltamesh.web.timeout", message: /90 s/ });
});
