import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Parameters, given } from "../../web/deltamesh.js";
import { Cache, readCache } from "../../web/deltamesh/cache.js";
import { MeshError } from "../../web/deltamesh/errors.js";
import { fileStorage } from "../../web/deltamesh/filestorage.js";
import { Holding, View } from "../../web/deltamesh/holding.js";
import { Link } from "../../web/deltamesh/link.js";
import { MOST, spread } from "../../web/deltamesh/pages.js";
import { Router } from "./mesh.mjs";
import { MemoryStorage, ParameterService, StandingClock } from "./parameters.mjs";

const KEY = "deltamesh.parameters S program";

/** A router, a service, and what a client of it is made of. */
function setup(t) {
  const router = new Router();
  const service = new ParameterService(router);
  const clock = new StandingClock();
  const storage = new MemoryStorage();
  const reports = [];
  const client = (more = {}) => {
    const parameters = new Parameters({ service: "S", client: () => router.join(), clock, storage, name: "program", host: "here", report: (message, error) => reports.push([message, error.message]), ...more });
    t.after(() => parameters.close());
    return parameters;
  };
  return { router, service, clock, storage, reports, client };
}

/** Resolves when `condition` holds, after as many turns as that takes. */
async function until(condition) {
  for (let turn = 0; turn < 10_000; turn++) {
    if (condition()) return;
    await new Promise(setImmediate);
  }
  assert.fail(`never: ${condition}`);
}
/** Resolves when the parameter has this source. */
const shows = (parameter, wanted) => new Promise((resolve) => (parameter.onchange = ({ source }) => source === wanted && resolve()));
const whole = ({ value, source, commit, error }) => [value, source, commit, error];

test("a parameter has its default at once, the current value next, and every change after that", async (t) => {
  const { service, client } = setup(t);
  service.set("a.b", 3, 1);
  const parameters = client();
  const parameter = parameters.get("a.b", 7);
  const seen = [];
  parameter.onchange = (each) => seen.push(whole(each));
  assert.deepEqual(whole(parameter), [7, "default", null, null]);
  await parameters.ready();
  service.read();
  service.set("a.b", 4, 2);
  service.set("a.b", undefined, 3);
  assert.deepEqual(seen, [[7, "default", null, null], [3, "live", "c1", null], [4, "live", "c2", null], [7, "default", null, null]]);
  assert.deepEqual([parameter.isCurrent, parameters.problem], [true, null]);
});

test("names of one turn go together, and names that come later join the page without a moment without a value", async (t) => {
  const { router, service, client } = setup(t);
  for (const name of ["a", "b", "c"]) service.set(name, name, 1);
  const parameters = client();
  const [a] = ["a", "b"].map((name) => parameters.get(name));
  await parameters.ready();
  const seen = [];
  a.onchange = (each) => seen.push(whole(each));
  await until(() => seen.length === 1);
  const c = parameters.get("c");
  await until(() => c.isCurrent);
  service.set("a", "A", 2);
  await until(() => a.value === "A");
  assert.deepEqual([...service.instances.values()], [["a", "b"], ["a", "b", "c"]]);
  assert.deepEqual(seen.map(([value, source]) => [value, source]), [["a", "live"], ["A", "live"]]);
  const [session] = router.sessions;
  await until(() => !session.handlers.has("S.live.f1.0"));
  assert.equal(session.handlers.has("S.live.f1.1"), true);
});

test("a page that comes from a follower that is behind takes nothing back", async (t) => {
  const { router, service, client } = setup(t);
  service.set("a", 1, 1);
  const parameters = client();
  const a = parameters.get("a");
  await parameters.ready();
  service.set("a", 2, 2);
  const late = new ParameterService(router, { name: "f2" });
  late.set("a", 1, 1);
  const seen = [];
  a.onchange = ({ value }) => seen.push(value);
  parameters.get("b");
  await parameters.ready();
  late.set("a", 2, 2);
  late.set("a", 3, 3);
  await until(() => a.value === 3);
  assert.deepEqual(seen, [2, 3]);
});

test("a value of the wrong type is an error, and the last good one stays, marked stale", async (t) => {
  const { service, client } = setup(t);
  service.set("a", 1, 1);
  const parameters = client();
  const cases = { integer: parameters.get("a", 0, { type: "integer" }), checked: parameters.get("a", 0, { type: (value) => value < 5 }), any: parameters.get("a") };
  const broken = parameters.get("a", null, { type: () => JSON.parse("{") });
  await parameters.ready();
  service.set("a", "secret", 2);
  assert.deepEqual(whole(cases.integer), [1, "stale", "c1", "a: the value of commit c2 is not used: integer is expected, this is string"]);
  assert.deepEqual(whole(cases.checked), [1, "stale", "c1", "a: the value of commit c2 is not used: the value is not accepted"]);
  assert.deepEqual(whole(cases.any), ["secret", "live", "c2", null]);
  assert.deepEqual([broken.value, broken.source], [null, "default"]);
  assert.match(broken.error, /could not be checked/);
  service.set("a", 3, 3);
  assert.deepEqual(whole(cases.integer), [3, "live", "c3", null]);
});

test("values are stale half a second after the follower is lost, and live again with it", async (t) => {
  const { router, service, clock, client } = setup(t);
  service.set("a", 1, 1);
  const parameters = client();
  const a = parameters.get("a");
  await parameters.ready();
  service.read();
  router.stop();
  await until(() => parameters.mesh.status === "connecting");
  await until(() => a.source === "live");
  clock.pass(499);
  assert.equal(a.source, "live");
  clock.pass(1);
  assert.deepEqual([a.value, a.source, a.isCurrent], [1, "stale", false]);
  assert.match(parameters.problem, /stopped/);
  router.start();
  const again = new ParameterService(router, { epoch: "E2" });
  again.set("a", 1, 1);
  await shows(a, "live");
  assert.deepEqual([a.value, parameters.mesh.sessions], [1, 2]);
});

test("values are stale when the reader is silent for five seconds, or says that it is not current", async (t) => {
  const { router, service, clock, client } = setup(t);
  service.set("a", 1, 1);
  const parameters = client();
  const a = parameters.get("a");
  await parameters.ready();
  await until(() => [...router.sessions][0].handlers.has("S.on_reading"));
  clock.pass(4_999);
  service.read();
  clock.pass(4_999);
  assert.equal(a.source, "live");
  clock.pass(1);
  assert.deepEqual([a.source, parameters.problem], ["stale", "the reader was not heard for 5 s"]);
  service.read();
  assert.deepEqual([a.source, parameters.problem, parameters.reading.head], ["live", null, "c9"]);
  service.read({ is_current: false, problem: "the repository is away" });
  assert.deepEqual([a.source, parameters.problem], ["stale", "the repository is away"]);
});

test("nothing is certain before the reader has said that it is current, and nobody is kept waiting for that", async (t) => {
  const { router, service, clock, client } = setup(t);
  service.hasReader = false;
  service.set("a", 1, 1);
  const parameters = client();
  const a = parameters.get("a");
  let isReady = false;
  const ready = parameters.ready().then(() => (isReady = true));
  await until(() => a.value === 1 && [...router.sessions][0].handlers.has("S.on_reading"));
  assert.deepEqual([a.source, a.isCurrent], ["stale", false]);
  clock.pass(4_999);
  await new Promise(setImmediate);
  assert.equal(isReady, false);
  clock.pass(1);
  await ready;
  assert.deepEqual([a.source, parameters.problem], ["stale", "the reader was not heard for 5 s"]);
  service.read();
  assert.deepEqual([a.source, a.isCurrent, parameters.problem], ["live", true, null]);
});

test("who waits goes on when the reader has said how it is, as bad as that may be", async (t) => {
  const { service, client } = setup(t);
  service.hasReader = false;
  service.set("a", 1, 1);
  const parameters = client();
  const a = parameters.get("a");
  await until(() => a.value === 1);
  const ready = parameters.ready();
  service.read({ is_current: false, problem: "the repository is away" });
  await ready;
  assert.deepEqual([a.value, a.source], [1, "stale"]);
});

test("a reader that could not be heard is given time once: a connection that comes and goes hides no dead one", async (t) => {
  const { router, service, clock, client } = setup(t);
  service.set("a", 1, 1);
  const parameters = client();
  const a = parameters.get("a");
  await parameters.ready();
  const reconnect = async () => {
    router.stop();
    await until(() => parameters.mesh.status === "connecting" && [...parameters.mesh.lives].every(({ status }) => status !== "live"));
    clock.pass(1_000);
    assert.equal(a.source, "stale");
    router.start();
    const again = new ParameterService(router);
    again.hasReader = false;
    again.set("a", 1, 1);
    await Promise.all([parameters.ready(), again.listened]);
    return again;
  };
  clock.pass(3_000);
  await reconnect();
  assert.equal(a.source, "live");
  clock.pass(4_000); // 8 s after its last word
  assert.equal(a.source, "live");
  const last = await reconnect();
  assert.equal(a.source, "stale");
  assert.equal(parameters.problem, "the reader was not heard for 5 s");
  last.read();
  assert.equal(a.source, "live");
});

test("what was known is there at the next start, without any service", async (t) => {
  const { router, service, clock, client } = setup(t);
  service.set("a", [1, { b: null }], 4);
  const first = client();
  first.get("a");
  first.get("gone", 1);
  await first.ready();
  clock.pass(1_000);
  router.stop();
  first.close();
  const second = client();
  const a = second.get("a", []);
  assert.deepEqual(whole(a), [[1, { b: null }], "cache", "c4", null]);
  assert.deepEqual(whole(second.get("a", "text")), ["text", "default", null, "a: the value of commit c4 is not used: string is expected, this is array"]);
  assert.deepEqual(whole(second.get("gone", 1)), [1, "default", null, null]);
});

test("what the service does not have any more, or may not tell, is not kept", async (t) => {
  const { service, clock, storage, client } = setup(t);
  for (const name of ["a", "b", "c"]) service.set(name, 1, 1);
  const parameters = client();
  const [, b, c] = ["a", "b", "c"].map((name) => parameters.get(name, 0));
  await parameters.ready();
  clock.pass(1_000);
  assert.deepEqual(Object.keys(JSON.parse(storage.getItem(KEY)).parameters), ["a", "b", "c"]);
  service.read();
  service.set("b", undefined, 2);
  service.restricted.add("c");
  service.set("c", 2, 3);
  assert.deepEqual(whole(b), [0, "default", null, null]);
  assert.deepEqual(whole(c), [0, "default", null, "c: it is restricted, and this role may not have it"]);
  parameters.close();
  assert.deepEqual(Object.keys(JSON.parse(storage.getItem(KEY)).parameters), ["a"]);
});

test("a service that is not written yet takes nothing away, and a reader that is behind takes nothing back", () => {
  const holding = new Holding([["kept", { value: 1, commit: "c0", number: 0 }]]);
  const views = ["kept", "told", "new"].map((name) => new View(name, 0));
  for (const view of views) holding.want(view);
  const reading = (is_current) => holding.heard({ is_current, head: null, good: null, number: null, problem: null }, 0);
  const shown = () => views.map(({ value, source }) => [value, source]);

  holding.listening(0);
  holding.content(1, [["kept", undefined], ["told", { value: 2, commit: "c1", number: 1 }], ["new", undefined]], ["E", 0], 0);
  assert.deepEqual(shown(), [[1, "cache"], [2, "stale"], [0, "default"]]);
  assert.equal(holding.news.get("kept"), undefined, "what was kept stays so");
  reading(true);
  assert.deepEqual(shown(), [[0, "default"], [2, "live"], [0, "default"]]);
  reading(false);
  holding.content(1, [["told", undefined], ["new", { value: 3, commit: "c2", number: 2 }]], ["E", 1], 0);
  assert.deepEqual(shown(), [[0, "default"], [0, "default"], [3, "stale"]]);
  holding.content(1, [["new", undefined]], ["F", 0], 0); // its journal is lost
  assert.deepEqual(shown(), [[0, "default"], [0, "default"], [3, "stale"]]);
  reading(true);
  assert.deepEqual(shown(), [[0, "default"], [0, "default"], [0, "default"]]);
});

test("a value that a type refuses is not kept: the last good one is", async (t) => {
  const { service, storage, client } = setup(t);
  service.set("a", 1, 1);
  const parameters = client();
  parameters.get("a", 0);
  parameters.get("a");
  await parameters.ready();
  service.set("a", "one", 2);
  parameters.close();
  assert.deepEqual(JSON.parse(storage.getItem(KEY)).parameters.a, { value: 1, commit: "c1", number: 1 });
});

test("it is kept at most once a second, and at the end", async (t) => {
  const { service, clock, storage, client } = setup(t);
  const parameters = client();
  let writes = 0;
  const { setItem } = storage;
  storage.setItem = (key, text) => (writes++, setItem.call(storage, key, text));
  parameters.get("a");
  await parameters.ready();
  for (let number = 1; number <= 50; number++) service.set("a", number, number);
  assert.equal(writes, 0);
  clock.pass(1_000);
  assert.equal(writes, 1);
  service.set("a", 51, 51);
  parameters.close();
  assert.deepEqual([writes, JSON.parse(storage.getItem(KEY)).parameters.a.value], [2, 51]);
});

test("a storage that is full, damaged or throws is reported, and otherwise ignored", async (t) => {
  const { service, clock, storage, reports, client } = setup(t);
  service.set("a", 1, 1);
  storage.setItem(KEY, "{");
  const full = client();
  storage.setItem = () => {
    throw new Error("QuotaExceededError");
  };
  const a = full.get("a");
  await full.ready();
  clock.pass(1_000);
  service.set("a", 1, 2);
  clock.pass(1_000);
  const refusing = client({ storage: { getItem: () => { throw new Error("no"); }, setItem: storage.setItem } });
  const b = refusing.get("a");
  await refusing.ready();
  assert.deepEqual([a.value, b.value], [1, 1]);
  assert.deepEqual(reports.map(([message]) => message), ["what was kept of the parameters cannot be used", "the parameters could not be kept", "what was kept of the parameters cannot be used"]);
});

test("clients that share a storage take nothing from each other", async (t) => {
  const { service, clock, storage, client } = setup(t);
  for (const name of ["a", "b", "c"]) service.set(name, 1, 1);
  const [one, two] = [client(), client()];
  one.get("a");
  for (const name of ["b", "c"]) two.get(name);
  await Promise.all([one.ready(), two.ready()]);
  clock.pass(1_000);
  const names = () => Object.keys(JSON.parse(storage.getItem(KEY)).parameters).sort();
  assert.deepEqual(names(), ["a", "b", "c"]);
  service.set("b", undefined, 2);
  service.set("a", 2, 3);
  clock.pass(1_000);
  assert.deepEqual(names(), ["a", "c"]);
});

test("of two values that were kept the one of the later commit counts, unless nobody else has kept it", (t) => {
  const { clock, storage } = setup(t);
  const entry = (number) => ({ value: number, commit: `c${number}`, number });
  const made = () => {
    const cache = new Cache({ storage, service: "S", name: "program", report: assert.fail, clock });
    cache.read();
    return (entries) => {
      cache.write(() => new Map(entries));
      cache.flush();
      return Object.entries(JSON.parse(storage.getItem(KEY)).parameters).map(([name, { value }]) => [name, value]).sort();
    };
  };
  const [one, two] = [made(), made()];
  one([["a", entry(5)], ["only one", entry(1)]]);
  assert.deepEqual(two([["a", entry(4)], ["only two", entry(2)]]), [["a", 5], ["only one", 1], ["only two", 2]]);
  assert.deepEqual(two([["a", entry(4)]])[0], ["a", 5], "nor does it go back later");
  assert.deepEqual(one([["a", entry(3)]])[0], ["a", 3], "the branch was written anew");
  assert.deepEqual(two([["a", null]]), [["only one", 1], ["only two", 2]]);
  one(Array.from({ length: 20_000 }, (_, i) => [`n${i}`, entry(i)]));
  assert.equal(made()([["last", entry(1)]]).length, 20_000);
});

test("what is closed leaves a connection that others use", async (t) => {
  const { router, service, client } = setup(t);
  service.set("a", 1, 1);
  const link = new Link(() => router.join());
  t.after(() => link.close());
  const [one, two] = [client({ link }), client({ link })];
  one.get("a");
  const a = two.get("a");
  await until(() => a.value === 1);
  service.read();
  await Promise.all([one.ready(), two.ready()]);
  const [{ handlers }] = router.sessions;
  one.close();
  await until(() => [...handlers.keys()].filter((topic) => topic.startsWith("S.live.")).length === 1);
  service.set("a", 2, 2);
  assert.deepEqual([link.status, a.value, a.source], ["open", 2, "live"]);
  service.read({ is_current: false });
  assert.equal(a.source, "stale");
  two.close();
  await until(() => handlers.size === 0);
});

test("foreign and damaged caches are refused", () => {
  const text = (more) => JSON.stringify({ format: 1, service: "S", parameters: { a: { value: 1, commit: "c", number: 1 } }, ...more });
  assert.deepEqual([...readCache(text(), "S")], [["a", { value: 1, commit: "c", number: 1 }]]);
  for (const bad of ["", "null", "[]", text({ format: 2 }), text({ service: "T" }), text({ parameters: { a: 1 } }), text({ parameters: { a: { commit: "c", number: 1 } } }), text({ parameters: { a: { value: 1, commit: "c", number: "1" } } })]) {
    assert.throws(() => readCache(bad, "S"), Error, bad);
  }
});

test("a file is a storage: replaced as a whole, for its owner alone, and a damaged one is replaced", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "deltamesh-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "parameters.json");
  const storage = fileStorage(path);
  assert.equal(storage.getItem("k"), null);
  storage.setItem("k", "één");
  storage.setItem("other", "2");
  assert.deepEqual([storage.getItem("k"), storage.getItem("other"), storage.getItem("toString")], ["één", "2", null]);
  assert.deepEqual([statSync(path).mode & 0o777, readdirSync(directory)], [0o600, ["parameters.json"]]);
  writeFileSync(path, readFileSync(path, "utf8").slice(0, 9));
  assert.throws(() => storage.getItem("k"), SyntaxError);
  storage.setItem("k", "3");
  assert.equal(storage.getItem("k"), "3");
  assert.throws(() => fileStorage(join(directory, "no", "where")).setItem("k", "1"), { code: "ENOENT" });
});

test("the census is told at the start, when names or commits change, and now and then", async (t) => {
  const { router, service, clock, client } = setup(t);
  service.hasReader = false;
  service.set("a", 1, 1);
  const parameters = client();
  const a = parameters.get("a");
  await until(() => a.value === 1);
  const [session] = router.sessions;
  const who = { client: "program", kind: "node", host: "here" };
  const told = () => session.published.splice(0).map(([topic, kwargs]) => (assert.equal(topic, "S.on_holding"), kwargs));
  await until(() => session.published.length > 0);
  assert.deepEqual(told(), [{ ...who, names: ["a"], commit: null, number: null }]);
  clock.pass(1_000);
  assert.deepEqual(told(), [{ ...who, commit: "c1", number: 1 }]);
  const b = parameters.get("b");
  const again = parameters.get("b");
  clock.pass(1_000);
  assert.deepEqual(told(), [{ ...who, names: ["a", "b"], commit: "c1", number: 1 }]);
  again.close();
  b.close();
  for (let number = 2; number < 9; number++) service.set("a", number, number);
  clock.pass(1_000);
  assert.deepEqual(told(), [{ ...who, names: ["a"], commit: "c8", number: 8 }]);
  clock.pass(53_999);
  assert.deepEqual(told(), []);
  clock.pass(12_001);
  assert.deepEqual(told(), [{ ...who, commit: "c8", number: 8 }]);
});

test("the census is told of names again when the reader is heard for the first time, or after a silence", async (t) => {
  const { router, service, clock, client } = setup(t);
  service.hasReader = false;
  const parameters = client();
  service.read();
  clock.pass(2_000);
  const [session] = router.sessions;
  assert.deepEqual(session?.published ?? [], [], "nothing is held");
  parameters.get("a");
  await until(() => service.instances.size > 0 && [...router.sessions][0].handlers.has("S.on_reading"));
  const { published } = [...router.sessions][0];
  clock.pass(1_000);
  published.splice(0);
  const toldAfter = (silence) => {
    clock.pass(silence);
    service.read();
    clock.pass(1_000);
    return published.splice(0).map(([, { names }]) => names);
  };
  assert.deepEqual([toldAfter(0), toldAfter(0), toldAfter(3_999), toldAfter(4_001)], [[["a"]], [], [], [["a"]]]);
});

test("nobody can change what all share", async (t) => {
  const { service, clock, client } = setup(t);
  service.set("a", [{ b: [1] }], 1);
  const parameters = client();
  const a = parameters.get("a", []);
  await parameters.ready();
  clock.pass(1_000);
  for (const { value } of [a, client().get("a", [])]) {
    assert.deepEqual(value, [{ b: [1] }]);
    assert.throws(() => value.push(2), TypeError);
    assert.throws(() => value[0].b.push(2), TypeError);
  }
});

test("what is no parameter is an error, and changes nothing", async (t) => {
  const { service, client } = setup(t);
  service.set("a", 1, 1);
  const parameters = client();
  const a = parameters.get("a", 0);
  await parameters.ready();
  for (const odd of [7, { value: 1 }, { commit: "c2", number: 2 }, { value: 1, commit: 2, number: 2 }]) {
    service.entryOf = () => odd;
    service.set("a", 2, 2);
    assert.deepEqual(whole(a), [1, "stale", "c1", "a: not {value, commit, number}: is that a service of parameters?"], JSON.stringify(odd));
    delete service.entryOf;
    service.set("a", 1, 1);
    assert.equal(a.source, "live");
  }
});

test("what is closed stays readable, and says that it is not certain any more", async (t) => {
  const { service, client } = setup(t);
  service.set("a", 1, 1);
  const parameters = client();
  const [a, b] = [parameters.get("a"), parameters.get("a")];
  await parameters.ready();
  a.close();
  service.set("a", 2, 2);
  assert.deepEqual([a.value, a.source, b.value, b.source], [1, "stale", 2, "live"]);
  parameters.close();
  assert.deepEqual([b.value, b.source, b.isCurrent, parameters.problem], [2, "stale", false, "it was closed"]);
});

test("a name that nobody uses any more is followed no more", async (t) => {
  const { router, service, client } = setup(t);
  const parameters = client();
  const a = parameters.get("a");
  const twice = parameters.get("a");
  await parameters.ready();
  const [session] = router.sessions;
  a.close();
  assert.equal([...session.handlers.keys()].some((topic) => topic.startsWith("S.live.")), true);
  twice.close();
  await until(() => ![...session.handlers.keys()].some((topic) => topic.startsWith("S.live.")));
  service.set("a", 1, 1);
  assert.equal(a.value, null);
  const later = parameters.get("a");
  await parameters.ready();
  assert.equal(later.value, 1);
});

test("what the service refuses for good is an error of the parameters, and asked for again", async (t) => {
  const { service, client } = setup(t);
  service.set("a", 1, 1);
  service.refusal = new MeshError("wamp.error.not_authorized", "not yours", { retry: false });
  const parameters = client();
  const a = parameters.get("a", 0);
  await until(() => a.error !== null);
  assert.deepEqual(whole(a), [0, "default", null, "a: not yours"]);
  service.refusal = null;
  await shows(a, "live");
  assert.deepEqual(whole(a), [1, "live", "c1", null]);
});

test("ready tells when it takes too long, and when everything is closed", async (t) => {
  const { router, clock, client } = setup(t);
  router.stop();
  const parameters = client();
  parameters.get("a");
  const late = assert.rejects(parameters.ready({ timeout: 200 }), { uri: "deltamesh.web.timeout" });
  const shut = assert.rejects(parameters.ready(), { uri: "deltamesh.web.closed" });
  clock.pass(200);
  await late;
  parameters.close();
  await shut;
  assert.throws(() => parameters.get("b"), { uri: "deltamesh.web.closed" });
});

test("names, types and defaults that cannot be are refused at once", (t) => {
  const parameters = setup(t).client();
  for (const name of ["", ".", "a.", ".a", "a..b", "a b", "a\nb", "a\u0000", "x".repeat(201), 7, null]) assert.throws(() => parameters.get(name), TypeError, String(name));
  for (const type of ["int", "toString", 7, null]) assert.throws(() => parameters.get("a", null, { type }), TypeError);
  assert.throws(() => parameters.get("a", "five", { type: "integer" }), /its default: integer is expected, this is string/);
  assert.equal(parameters.get("größe.日本", 1).value, 1);
});

test("events come with their keywords, from both kinds of sessions", async () => {
  const heard = [];
  const handler = (...event) => heard.push(event);
  const wampy = { getSessionId: () => 1, subscribe: async (_, told) => (told({ argsDict: { a: 1 } }), told({ argsList: [2] }), { subscriptionKey: 1 }) };
  const autobahn = { subscribe: async (_, told) => (told(undefined, { a: 1 }), told([2], undefined)) };
  for (const peer of [wampy, autobahn]) await given(peer).subscribe("topic", handler);
  assert.deepEqual(heard, [[[], { a: 1 }], [[2], {}], [[], { a: 1 }], [[2], {}]]);
});

test("names are spread over pages that are small enough", () => {
  const names = Array.from({ length: 1_000 }, (_, i) => `a.b${i}`);
  const pages = spread(names);
  assert.deepEqual(pages.map(({ length }) => length), [MOST.names, MOST.names, 200]);
  assert.deepEqual(pages.flat(), names);
  const long = spread(Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(200, "é")));
  assert.ok(long.every((page) => new TextEncoder().encode(JSON.stringify(page)).length <= MOST.bytes + 1));
  assert.deepEqual(spread([]), []);
});
