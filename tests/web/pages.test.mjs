import assert from "node:assert/strict";
import { test } from "node:test";
import { gaugeTexts, instanceModels, latencyText, mapModel, searchNote } from "../../web/console/derive.js";
import { heightOf, placesOf } from "../../web/console/map.js";
import { clockModel, delayModels, detailModel, flightModel, foundModels, idsOf, remarkOf, weatherModel } from "../../web/departures/derive.js";
import { agoText, nameOf, postModels, safeLink, sentenceFor } from "../../web/hackernews/derive.js";
import { NOTHING_SEEN, positionText, sorry, stateOf, trouble } from "../../web/page/plain.js";

/** A collection that is live, with these entries. */
const seen = (entries = [], more = {}) => ({ ...NOTHING_SEEN, entries, status: "live", opened: true, follower: "f1", position: ["e1", 7], ...more });
const failing = (uri, more = {}) => ({ ...NOTHING_SEEN, error: { uri, message: "why" }, ...more });

const FLIGHT = {
  id: "2013-01-01-UA-1545-EWR",
  flight: "UA 1545",
  carrier: "UA",
  airline: "United Air Lines Inc.",
  origin: "EWR",
  destination: "IAH",
  destination_name: "George Bush Intercontinental",
  scheduled: "2013-01-01T05:15",
  estimated: null,
  delay_minutes: null,
  status: "scheduled",
  aircraft: { manufacturer: "BOEING", model: "737-824", year: 1999, seats: 149 },
  weather: { temp_f: 39.02, wind_mph: 12.7, visib_miles: 10, precip_in: 0 },
};
const known = (delay, estimated, status = "scheduled") => ({ ...FLIGHT, delay_minutes: delay, estimated, status });

test("remarks on a flight", () => {
  const cases = [
    [FLIGHT, "Scheduled", "plain"],
    [known(-3, "2013-01-01T05:12"), "On time", "good"],
    [known(0, "2013-01-01T05:15"), "On time", "good"],
    [known(14, "2013-01-01T05:29"), "Expected 05:29", "plain"],
    [known(15, "2013-01-01T05:30"), "Delayed 05:30", "late"],
    [known(20, "2013-01-01T05:35", "departed"), "Departed 05:35", "soft"],
    [known(20, "2013-01-01T05:35", "landed"), "Landed", "soft"],
    [known(null, null, "cancelled"), "Cancelled", "bad"],
  ];
  for (const [flight, text, tone] of cases) assert.deepEqual(remarkOf(flight), { text, tone });
});

test("a flight as the board shows it", () => {
  assert.deepEqual(flightModel(FLIGHT, [FLIGHT.id]), {
    id: FLIGHT.id, time: "05:15", flight: "UA 1545", airline: "United Air Lines", code: "IAH", place: "George Bush Intercontinental",
    craft: "Boeing 737-824, 149 seats", remark: { text: "Scheduled", tone: "plain" }, from: "EWR", mine: true,
  });
  const bare = flightModel({ ...FLIGHT, destination: "BQN", destination_name: null, aircraft: null, airline: null }, []);
  assert.deepEqual([bare.code, bare.place, bare.craft, bare.airline, bare.mine], ["", "BQN", "", "", false]);
});

test("details of a flight that is known in part", () => {
  const { title, facts } = detailModel(seen([[FLIGHT.id, [{ ...FLIGHT, aircraft: null, weather: null }]]]));
  assert.equal(title, "UA 1545 to George Bush Intercontinental");
  assert.deepEqual(facts.slice(4), [["Delay", "Not known yet"], ["Aircraft", "Not known"], ["Weather", "Not known"]]);
  assert.equal(detailModel(NOTHING_SEEN), null);
});

test("a flight number gives the ids that it can have today", () => {
  const clock = seen([[null, [{ now: "2013-01-02T05:15", speed: 60 }]]]);
  assert.deepEqual(idsOf(" ua1545", clock, ["EWR", "JFK"]), ["2013-01-02-UA-1545-EWR", "2013-01-02-UA-1545-JFK"]);
  assert.deepEqual(idsOf("9e-0017", clock, ["LGA"]), ["2013-01-02-9E-17-LGA"]);
  assert.deepEqual([idsOf("miami", clock, ["LGA"]), idsOf("ua1545", undefined, ["LGA"])], [[], []]);
});

test("a search finds each flight once, by the beginnings of words, the next ones first", () => {
  const other = { ...FLIGHT, id: "x", flight: "B6 12", airline: "JetBlue Airways", destination: "MIA", destination_name: "Miami Intl", scheduled: "2013-01-01T04:00" };
  const sources = [seen([[FLIGHT.id, [FLIGHT]], ["x", [other]]]), seen([[FLIGHT.id, [FLIGHT]]])];
  const found = (query) => foundModels(query, sources, []).map(({ id }) => id);
  assert.deepEqual([found("mia jet"), found("ua1545"), found("1545"), found("bush 99"), found("")], [["x"], [FLIGHT.id], [FLIGHT.id], [], []]);
  assert.deepEqual(found("ewr"), ["x", FLIGHT.id]);
});

test("punctuality", () => {
  const carrier = { carrier: "UA", airline: "United Air Lines Inc.", flights: 1200, departed: 3, cancelled: 1, mean_delay_minutes: 31.4, late_15: 2 };
  const none = { ...carrier, carrier: "XX", airline: null, departed: 0, mean_delay_minutes: null, late_15: 0 };
  const [late, unknown, early] = delayModels(seen([["UA", [carrier]], ["XX", [none]], ["YY", [{ ...carrier, mean_delay_minutes: -2.2 }]]]));
  assert.deepEqual(late, { id: "UA", airline: "United Air Lines", flights: "1,200", left: "3", mean: "31 min", share: 52, late: true, late15: "67 %", cancelled: "1" });
  assert.deepEqual([unknown.airline, unknown.mean, unknown.share, unknown.late15], ["XX", "–", 0, "–"]);
  assert.deepEqual([early.mean, early.share, early.late], ["−2 min", 0, false]);
});

test("clock and weather, known and unknown", () => {
  assert.deepEqual(clockModel(seen([[null, [{ now: "2013-01-01T05:15", speed: 60 }]]])), { time: "05:15", date: "Tue, 1 Jan 2013", speed: "60× real time" });
  assert.equal(clockModel(NOTHING_SEEN).time, "--:--");
  assert.deepEqual(weatherModel(seen([[1, [{ ...FLIGHT, weather: null }]], [2, [FLIGHT]]])), { temperature: "39 °F, 4 °C", wind: "13 mph", visibility: "10 miles", rain: "None" });
  assert.deepEqual(weatherModel(NOTHING_SEEN), { temperature: "–", wind: "–", visibility: "–", rain: "–" });
});

test("only http and https become links", () => {
  for (const address of ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "//example.com", "", null, 7]) assert.equal(safeLink(address), null);
  assert.equal(safeLink("https://example.com/a?b").href, "https://example.com/a?b");
});

test("posts are numbered in their order", () => {
  const post = { id: 4, title: "<b>T</b>", url: "https://www.example.com/x", author: "ada", upvotes: 3, upvoted: true, mine: false, at: "2025-01-01T00:00:00Z" };
  const now = Date.parse("2025-01-01T03:00:00Z");
  const [first, second] = postModels(seen([[[-3, 4], [post]], [[-2, 5], [{ ...post, id: 5, url: "javascript:x", mine: true }]]]), [5], now);
  assert.deepEqual(first, {
    id: 4, rank: 1, title: "<b>T</b>", href: "https://www.example.com/x", site: "example.com", points: "3", author: "ada", mine: false, upvoted: true, voting: false, ago: "3 hours ago",
  });
  assert.deepEqual([second.rank, second.href, second.site, second.mine, second.voting], [2, null, "", true, true]);
});

test("how long ago", () => {
  const now = Date.parse("2025-06-01T12:00:00Z");
  const cases = [["2025-06-01T11:59:30Z", "just now"], ["2025-06-01T11:59:00Z", "1 minute ago"], ["2025-05-31T12:00:00Z", "1 day ago"], ["2023-06-01T00:00:00Z", "2 years ago"], ["2026-01-01T00:00:00Z", "just now"], ["never", ""]];
  for (const [at, text] of cases) assert.equal(agoText(at, now), text);
});

test("who is signed in, and what the service's errors say", () => {
  assert.deepEqual([nameOf(seen([[null, [{ name: "ada" }]]])), nameOf(seen())], ["ada", null]);
  assert.match(sentenceFor({ uri: "com.example.hackernews.error.name_taken" }), /Choose another/);
  assert.equal(sentenceFor({ uri: "deltamesh.error.invalid_parameters" }), null);
});

test("trouble in plain words, and none when all is well", () => {
  assert.equal(trouble(seen(), "open", "departures"), null);
  assert.equal(trouble(failing("wamp.error.no_such_procedure"), "open", "departures").title, "The departures service is not running.");
  assert.equal(trouble(failing("wamp.error.no_such_procedure"), "connecting", "departures").title, "Looking for the router.");
  assert.equal(trouble(failing("deltamesh.error.unknown_resource", { status: "closed" }), "open", "departures").text, "why");
  for (const link of ["open", "connecting"]) assert.equal(trouble(seen([], { status: "waiting" }), link, "departures"), null, "what is shown stays");
});

test("the state in the bar", () => {
  assert.deepEqual(stateOf(seen(), "open"), { state: "live", text: "Live from f1" });
  assert.deepEqual(stateOf(seen([], { status: "waiting" }), "connecting"), { state: "waiting", text: "Reconnecting" });
  assert.deepEqual(stateOf(NOTHING_SEEN, "connecting"), { state: "waiting", text: "Connecting" });
  assert.deepEqual(stateOf(failing("x", { status: "closed" }), "open"), { state: "closed", text: "Stopped" });
});

test("errors of actions", () => {
  assert.equal(sorry({ uri: "com.example.x.error.y", message: "Full." }), "Full.");
  assert.match(sorry({ uri: "wamp.error.canceled" }), /before you repeat it/);
});

test("positions and latencies are short", () => {
  assert.deepEqual([positionText(null), positionText(["e1", 1234]), positionText(["0123456789abcdef", 1])], ["–", "e1 · 1,234", "01234567… · 1"]);
  assert.deepEqual([latencyText(null), latencyText(3.14159), latencyText(41.6)], ["–", "3.1 ms", "42 ms"]);
});

const INSTANCES = [
  { id: "a", service: "departures", resource: "board", params: { airport: "EWR", limit: 6 }, seen: seen([[1, [1]]]), deltas: 2, gaps: 1, ticks: [{ at: 30_000, keys: 1 }, { at: 59_000, keys: 1_000 }] },
  { id: "b", service: "departures", resource: "clock", params: {}, seen: NOTHING_SEEN, deltas: 0, gaps: 0, ticks: [] },
  { id: "c", service: "hackernews", resource: "top", params: { session: "0123456789abcdef0123" }, seen: NOTHING_SEEN, deltas: 0, gaps: 0, ticks: [] },
];
const STATE = { link: "open", sessions: 1, latency: { answer: 1, delta: null }, instances: INSTANCES, probing: false };

test("gauges count what is live, and deltas of the last ten seconds", () => {
  const texts = gaugeTexts(STATE, 60_000, "ws://x/ws");
  assert.deepEqual([texts["g-link"], texts["g-instances"], texts["g-deltas"], texts["g-rate"]], ["Connected", "1", "2", "0.1 a second"]);
});

test("instances with their deltas of the last minute", () => {
  const [board, , top] = instanceModels(STATE, 60_000, 60_000);
  assert.deepEqual([board.params, board.keys, board.gaps, board.follower], ["airport EWR, limit 6", "1", "1", "f1"]);
  assert.deepEqual(board.strip.map(({ x, height }) => [x, height]), [[0.5, 0.4], [1 - 1 / 60, 1]]);
  assert.equal(top.params, "session 01234567…0123");
});

test("searches are waited for in words, until there is one", () => {
  assert.equal(searchNote(seen()).title, "Nobody has searched yet.");
  assert.deepEqual([searchNote(seen([["a", [{}]]])), searchNote(NOTHING_SEEN)], [null, null]);
});

test("the map shows each follower once, and a service without one", () => {
  assert.deepEqual(mapModel(STATE), { open: true, followers: [{ service: "departures", name: "f1", live: true, instances: 1 }, { service: "hackernews", name: "?", live: false, instances: 1 }] });
});

test("followers on the map do not cover each other, nor the edge", () => {
  for (let count = 0; count <= 20; count += 1) {
    const height = heightOf(count);
    const heights = [-22, ...placesOf(count).map(({ y }) => y), height + 22];
    for (let i = 1; i < heights.length; i += 1) assert.ok(heights[i] - heights[i - 1] >= 44, `${count} followers: ${heights}`);
  }
});
