import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../web/deltamesh.js";
import { Holding, SILENT_FOR } from "../../web/deltamesh/holding.js";
import { NOTHING_SEEN } from "../../web/page/plain.js";
import { agoText, censusModel, commitModels, detailModel, historyModels, isPublic, isRestricted, nameOf, placeText, problemsModel, readerModel, treeModel } from "../../web/parameters/derive.js";
import { differenceOf, unifiedLines } from "../../web/parameters/difference.js";
import { begun, changed, requestOf, suggestedMessage, troubleOf } from "../../web/parameters/edit.js";
import { MOST_ROWS, found, treeRows } from "../../web/parameters/tree.js";
import { controlOf, controlText, longText, readControl, shortText } from "../../web/parameters/values.js";

const NOW = 1_800_000_000;

/** A collection that is live, with these entries. */
const seen = (entries = []) => ({ ...NOTHING_SEEN, entries, status: "live", opened: true, follower: "f1", position: ["e1", 7] });
const entry = (name, value, more = {}) => [name, [{ name, value, commit: "0123456789abcdef", number: 3, file: "base/a.yaml", author: "Ada <ada@example.org>", time: NOW - 7_200, message: "Why\n\nat length", ...more }]];
const READING = { repository: "/srv/git/shop.git", branch: "main", environment: "production", region: null, head: "ffffffffffff", good: "0123456789abcdef", number: 3, layers: ["base"], files: 2, parameters: 1_234 };
const STATE = {
  link: "open", reader: { problem: null, reading: { head: "ffffffffffff", good: "ffffffffffff", is_current: true } }, seen: {}, query: "", toggled: [], chosen: null, held: null, kept: [], role: "browser", signingIn: false,
  edit: null, reverting: null, done: "",
};
const TREE = new Map([["a", { value: 1 }], ["b.c.d", { value: "x" }], ["b.c.e", { value: null }], ["b.f", { value: [1, 2] }], ["b-c", { value: true }]].sort());
const HOW = { query: "", toggled: [], chosen: null, isRestricted: () => false };
const outline = ({ rows }) => rows.map(({ kind, label, level, detail, isOpen }) => `${"  ".repeat(level - 1)}${kind === "group" ? (isOpen ? "v " : "> ") : ""}${label} ${detail}`);

test("names are a tree, each group before what is in it", () => {
  assert.deepEqual(outline(treeRows(TREE, HOW)), ["a 1", "b-c true", "v b 3", "  v c 2", '    d "x"', "    e null", "  f [1,2]"]);
  assert.deepEqual(outline(treeRows(TREE, { ...HOW, toggled: ["b.c"] })), ["a 1", "b-c true", "v b 3", "  > c 2", "  f [1,2]"]);
  assert.deepEqual(outline(treeRows(TREE, { ...HOW, toggled: ["b"] })), ["a 1", "b-c true", "> b 3"]);
  assert.deepEqual(treeRows(new Map(), HOW), { rows: [], count: 0, isCut: false });
});

test("of many names only the way to the chosen one is open, and a search opens what it finds", () => {
  const many = new Map(Array.from({ length: 2_000 }, (_, i) => [`g${i % 10}.n${String(i).padStart(4, "0")}`, { value: i }]).sort());
  const closed = treeRows(many, HOW);
  assert.deepEqual([closed.rows.length, closed.count, closed.isCut], [10, 2_000, false]);
  assert.equal(treeRows(many, { ...HOW, chosen: "g3.n0003" }).rows.length, 210);
  assert.equal(treeRows(many, { ...HOW, chosen: "g3.n0003", toggled: ["g3"] }).rows.length, 10);
  assert.deepEqual(outline(treeRows(many, { ...HOW, query: "N001 g1" })), ["v g1 1", "  n0011 11"]);
  const all = treeRows(many, { ...HOW, query: "n" });
  assert.deepEqual([all.rows.length, all.count, all.isCut], [MOST_ROWS, 2_000, true]);
});

test("a search looks for each word anywhere in the name", () => {
  const names = ["payment.limits.daily", "payment.fee", "shop.daily"];
  assert.deepEqual([found(names, "DAILY pay"), found(names, " "), found(names, "x")], [["payment.limits.daily"], names, []]);
});

test("values are edited with what fits them, and come back as they were", () => {
  for (const value of [0, -1.5, 1e300, "", "two\nlines", true, false, null, [1, "a"], [{ a: 1 }], {}, { a: [null] }]) {
    const control = controlOf(value);
    assert.deepEqual(readControl(control, controlText(control, value)), { value, problem: null }, JSON.stringify(value));
  }
  assert.deepEqual([0.5, 1, "a", true, null, [], {}].map(controlOf), ["number", "number", "text", "boolean", "json", "json", "json"]);
});

test("what is no value is refused before it is sent", () => {
  const bad = [["number", ""], ["number", "five"], ["number", "0x10"], ["number", "1,5"], ["number", "1e999"], ["number", "9007199254740993"], ["number", "NaN"], ["json", ""], ["json", "{a: 1}"], ["json", "[1,]"], ["json", "[9007199254740993]"], ["json", '{"a": [1e400]}'], ["json", "[-0]"], ["json", "[1e21]"], ["json", "[0.12345678901234567890]"], ["json", "[1e-400]"], ["number", "-0"], ["number", "1e-400"], ["text", "x".repeat(65_537)]];
  for (const [control, text] of bad) assert.notEqual(readControl(control, text).problem, null, `${control} ${text.slice(0, 20)}`);
  assert.deepEqual(readControl("number", " 5 "), { value: 5, problem: null });
  assert.deepEqual([longText("a"), longText("a\nb"), longText([1]), shortText("y".repeat(99)).length], ['"a"', "a\nb", "[\n  1\n]", 80]);
});

test("numbers that a browser may have rounded are not sent back, and are said to be such", () => {
  for (const value of [[-0], { a: { b: [2 ** 60] } }, [1e21], [Infinity]]) {
    const told = readControl("json", controlText("json", value));
    assert.ok(told.problem !== null || value[0] === Infinity, JSON.stringify(value)); // JSON has no infinity: it is null, before it comes here
  }
  for (const value of [["-0 9007199254740993 \\", "\u0000"], [0, -1.5, 0.1, 2 ** 53 - 1, 1e-300]]) assert.deepEqual(readControl("json", controlText("json", value)), { value, problem: null });
  const meaning = (value) => detailModel({ ...STATE, chosen: "a", held: { name: "a", value, source: "live", commit: "c", error: null } }, NOW).meaning;
  assert.deepEqual([[2 ** 60], 2 ** 53, 5, "5", { a: [1.5, null] }].map((value) => /too large for browsers/.test(meaning(value))), [true, true, false, false, false]);
});

test("a difference keeps what both have", () => {
  const text = (lines) => lines.map(({ sign, text }) => sign + text);
  assert.deepEqual(text(differenceOf("a\nb\nc", "a\nx\nc\nd")), [" a", "-b", "+x", " c", "+d"]);
  assert.deepEqual(text(differenceOf(null, "1")), ["+1"]);
  assert.deepEqual(text(differenceOf("1", null)), ["-1"]);
  assert.deepEqual(text(differenceOf("same", "same")), [" same"]);
  const long = Array.from({ length: 401 }, (_, i) => `${i}`).join("\n");
  assert.equal(differenceOf(long, long).length, 802);
  assert.deepEqual(text(unifiedLines("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n same\n")), ["@--- a/x", "@+++ b/x", "@@@ -1 +1 @@", "-old", "+new", " same"]);
});

test("what an administrator alone sees is restricted", () => {
  const trees = { tree: seen([entry("a", 1), entry("k.secrets.x", 2)]), public: seen([entry("a", 1)]) };
  const state = { ...STATE, role: "administrator", seen: trees };
  assert.deepEqual(["a", "k.secrets.x"].map((name) => isRestricted(state, name)), [false, true]);
  assert.equal(isRestricted({ ...state, role: "browser" }, "k.secrets.x"), false);
  assert.equal(isRestricted({ ...state, seen: { tree: trees.tree } }, "k.secrets.x"), false, "it is not known yet");
  assert.deepEqual(treeModel(state).rows.map(({ path, isRestricted }) => [path, isRestricted]), [["a", false], ["k", false], ["k.secrets", false], ["k.secrets.x", true]]);
  assert.deepEqual([treeModel(state).remark, treeModel({ ...state, query: "x" }).remark], ["2 parameters", "1 of 2 parameters"]);
});

test("a name that only some may have is in no message that is suggested", () => {
  const trees = { tree: seen([entry("a.b", 1), entry("k.hidden.x", 2), entry("secrets.y", 2)]), public: seen([entry("a.b", 1)]) };
  const state = { ...STATE, role: "administrator", seen: trees };
  const names = ["a.b", "a.new", "new", "k.hidden.x", "k.hidden.new", "a.secrets.new", "secrets.y"];
  assert.deepEqual(names.filter((name) => isPublic(state, name)), ["a.b", "a.new", "new"]);
  assert.equal(isPublic({ ...state, seen: { tree: trees.tree } }, "a.b"), false, "it is not known yet");
  const edit = begun({ name: "k.hidden.x", value: 5, number: 3 }, "head");
  assert.equal(suggestedMessage(edit, false), "Change a restricted parameter");
});

test("one parameter closely: as this page holds it, with what the service knows of it", () => {
  const held = { name: "a", value: 5, source: "live", commit: "0123456789abcdef", error: null };
  const state = { ...STATE, chosen: "a", held, seen: { tree: seen([entry("a", 5)]) } };
  const model = detailModel(state, NOW);
  assert.deepEqual([model.value, model.source, model.isThere, model.problem], ["5", "live", true, null]);
  assert.deepEqual(model.facts, [["Changed", "2 hours ago by Ada"], ["Commit", "01234567 · Why"], ["File", "base/a.yaml"]]);
  assert.equal(detailModel({ ...state, held: { ...held, value: 6, source: "stale" } }, NOW).meaning, "it is not certain that this is still the newest");
  assert.deepEqual(detailModel({ ...state, held: { ...held, value: 6, commit: "fedcba9876" } }, NOW).facts, [["Commit", "fedcba98"]], "the tree is a moment behind");
  const restricted = { ...held, value: null, source: "default", commit: null, error: "a is restricted to other roles" };
  assert.deepEqual([detailModel({ ...state, held: restricted }, NOW).value, detailModel({ ...state, held: restricted, seen: {} }, NOW).problem], ["5", "a is restricted to other roles"]);
  const gone = { ...held, value: null, source: "default", commit: null };
  assert.equal(detailModel({ ...state, held: gone, seen: { tree: seen() } }, NOW).problem, "There is no such parameter now.");
  assert.equal(detailModel(STATE, NOW), null);
});

test("who holds it: those that are behind first", () => {
  const holder = (session, more) => [session, [{ session, client: `c${session}`, kind: "python", host: "h", since: NOW - 60, size: 1, commit: "c0ffee0123", number: 1, is_current: true, ...more }]];
  const { holders, remark } = censusModel({ ...STATE, seen: { census: seen([holder(1, {}), holder(2, { is_current: false, size: 2 })]) } }, NOW);
  assert.deepEqual(holders.map(({ client, isCurrent, size, since, commit }) => [client, isCurrent, size, since, commit]), [["c2", false, "2 names", "1 minute ago", "c0ffee01"], ["c1", true, "1 name", "1 minute ago", "c0ffee01"]]);
  assert.equal(remark, "2 clients, 1 behind");
  assert.equal(censusModel({ ...STATE, seen: { census: seen([holder(1, {})]) } }, NOW).remark, "1 client, all with the newest value");
});

test("history and commits", () => {
  const change = (number, more) => [[-number], [{ commit: "0123456789", author: "Ada <a@b>", time: NOW, message: "Why", ...more }]];
  const history = seen([change(4, { gone: true, was: [1, 2] }), change(3, { value: [1, 2], was: 1 }), change(1, { value: 1, commit: null, author: null, time: null, message: null })]);
  const models = historyModels({ ...STATE, seen: { history } }, NOW);
  assert.deepEqual(models.map(({ remark, lines }) => [remark, lines.map(({ sign, text }) => sign + text.trim())]), [["removed", ["-[", "-1,", "-2", "-]"]], ["", ["-1", "+[", "+1,", "+2", "+]"]], ["added", ["+1"]]]);
  assert.deepEqual([models[0].short, models[0].ago, models[2].short, models[2].author], ["01234567", "just now", "–", ""]);
  const commits = seen([change(2, { good: false, changed: 0 }), change(1, { good: true, changed: 3 })]);
  assert.deepEqual(commitModels({ ...STATE, seen: { commits } }, NOW).map(({ remark, isGood }) => [remark, isGood]), [["not used", false], ["3 changed", true]]);
});

test("a commit that is not good is named, with its places and what holds meanwhile", () => {
  const problem = { commit: "ffffffffffff", author: "Bob <b@c>", time: NOW, file: "base/x.yaml", line: 3, name: "x.y", reason: "a number is expected" };
  const state = (problems, more = {}) => ({ ...STATE, seen: { state: seen([["problems", [problems]], ["reading", [{ ...READING, ...more }]]]) } });
  const model = problemsModel(state([problem, { ...problem, line: null, name: null }, { ...problem, file: null, name: null }]));
  assert.equal(model.title, "Commit ffffffff by Bob is not used. What holds is 01234567, until a commit mends it.");
  assert.deepEqual(model.list.map(({ place }) => place), ["base/x.yaml, line 3 · x.y", "base/x.yaml", ""]);
  assert.equal(problemsModel(state(Array(25).fill(problem))).more, "and 5 more");
  assert.match(problemsModel(state([problem], { good: null })).title, /Nothing holds/);
  assert.equal(problemsModel(state([])), null);
  assert.equal(placeText(state([])), "main of shop.git · environment production · 2 files");
});

test("how the reader is", () => {
  const held = (head, good) => ({ state: seen([["reading", [{ ...READING, head, good }]]]) });
  const of = (more) => readerModel({ ...STATE, seen: held("ffffffffffff", "ffffffffffff"), ...more });
  assert.deepEqual(of({}), { tone: "good", text: "Up to date with ffffffff" });
  assert.equal(of({ link: "connecting" }).tone, "late");
  assert.deepEqual(of({ seen: held("ffffffffffff", "0123456789ab") }), { tone: "late", text: "ffffffff is read, and not used" });
  assert.deepEqual(of({ reader: { problem: "the reader was not heard for 5 s", reading: null } }), { tone: "bad", text: "The reader was not heard for 5 s" });
  assert.equal(of({ reader: { problem: null, reading: null } }).tone, "soft");
  for (const key of ["tree", "state"]) assert.match(of({ seen: { [key]: { ...seen(), status: "waiting" } } }).text, /does not answer/, key);
});

test("up to date is only what the service holds", () => {
  const of = (entries) => readerModel({ ...STATE, seen: { state: seen(entries) } });
  const holding = (head) => [["reading", [{ ...READING, head, good: head }]]];
  assert.deepEqual(of([]), { tone: "soft", text: "Reading ffffffff" });
  assert.equal(of(holding("0123456789ab")).text, "Up to date with 01234567", "a write is under way, for less than a second");
  assert.equal(of(holding("ffffffffffff")).text, "Up to date with ffffffff");
});

test("a write that takes its time is no error, as long as the reader names none", () => {
  const holding = new Holding();
  const shown = () => readerModel({ ...STATE, reader: { problem: holding.problem, reading: holding.reading }, seen: { state: seen([["reading", [READING]]]) } });
  const of = (head, problem) => {
    holding.heard({ is_current: false, head, good: head, number: 3, problem }, 0);
    return shown();
  };
  holding.listening(0);

  assert.deepEqual(of("fedcba987654", null), { tone: "soft", text: "Catching up with fedcba98" });
  assert.deepEqual(of(null, null), { tone: "soft", text: "Catching up with the repository" }, "it has just begun");
  assert.deepEqual(of("fedcba987654", "nobody leads shop now"), { tone: "bad", text: "Nobody leads shop now" });
  of("fedcba987654", null);
  holding.tick(SILENT_FOR);
  assert.equal(shown().tone, "bad", "it writes no more: it is silent");
});

test("a change is previewed as it is sent, and anew after each change of the form", () => {
  const edit = begun({ name: "a.b", value: 5, number: 3 }, "head");
  assert.deepEqual([edit.control, edit.text, edit.head, suggestedMessage(edit, true)], ["number", "5", "head", "Change a.b"]);
  assert.deepEqual(requestOf(edit), { changes: [["a.b", 5]], layer: null, trouble: null });
  assert.deepEqual(requestOf({ ...edit, isRemoval: true, layer: "region" }), { changes: [["a.b"]], layer: "region", trouble: null });
  assert.equal(requestOf({ ...edit, text: "five" }).trouble.kind, "value");
  assert.equal(requestOf({ ...begun(null, "head"), name: "a b" }).trouble.kind, "name");
  const previewed = { ...edit, preview: { diff: "", files: [] }, trouble: troubleOf(new Error("x")) };
  assert.deepEqual(changed(previewed, { text: "6" }), { ...edit, text: "6" });
});

test("errors of the repository are said where they belong", () => {
  const error = (name, facts = {}) => new MeshError(`com.example.parameters.error.${name}`, `about ${name}`, facts);
  assert.deepEqual(troubleOf(error("conflict")), { kind: "conflict", text: "about conflict", list: [] });
  const problems = [{ file: "base/x.yaml", line: 2, name: "x.y", reason: "at most 10" }, null];
  assert.deepEqual(troubleOf(error("not_good", { problems })).list, [{ id: 0, place: "base/x.yaml, line 2 · x.y", reason: "at most 10" }, { id: 1, place: "", reason: "" }]);
  assert.equal(troubleOf(error("not_good")).text, "about not_good");
  assert.match(troubleOf(error("out_of_reach")).text, /cannot be reached/);
  assert.match(troubleOf(new MeshError("wamp.error.not_authorized", "")).text, /Sign in again/);
  assert.match(troubleOf(new MeshError("wamp.error.no_such_procedure", "")).text, /not running/);
  assert.equal(troubleOf(new Error("odd")).text, "odd");
});

test("names of people, and how long ago", () => {
  assert.deepEqual(["Ada <a@b>", "<a@b>", "", null].map(nameOf), ["Ada", "<a@b>", "unknown", "unknown"]);
  assert.deepEqual([[0, "just now"], [-5, "just now"], [60, "1 minute ago"], [86_400 * 3, "3 days ago"], [86_400 * 800, "2 years ago"]].map(([age, text]) => agoText(NOW - age, NOW) === text), Array(5).fill(true));
  assert.equal(agoText(null, NOW), "");
});
