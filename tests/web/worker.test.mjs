import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError, MeshWorker } from "../../web/deltamesh.js";
import { barsOf, coresOf, figuresOf, hostOf, sentenceOf, short, stopwatch } from "../../web/salesman/lend/derive.js";
import { Slots } from "../../web/salesman/lend/slots.js";
import { Landscapes, checkedProblem, checkedUnit, compute, readTour } from "../../web/salesman/lend/unit.js";

/** A router that knows registrations and events only. */
class Router {
  sessions = [];
  refuses = false;

  async join() {
    let end;
    const session = {
      ended: new Promise((resolve) => (end = resolve)),
      registered: new Map(),
      events: [],
      closed: false,
      call: async () => null,
      register: async (uri, handler, options) => {
        if (this.refuses) throw new MeshError("wamp.error.not_authorized", "no");
        session.registered.set(uri, { handler, options });
        return uri;
      },
      unregister: async (uri) => void session.registered.delete(uri),
      publish: async (uri, args, kwargs) => void session.events.push([uri, args, kwargs]),
      close: () => {
        session.closed = true;
        end("closed");
      },
      end: (reason) => end(reason),
    };
    this.sessions.push(session);
    return session;
  }
}

/** A worker whose clock the test moves, and whose calls the test answers. */
function setup(t, router = new Router()) {
  const calls = [];
  let tick;
  const worker = new MeshWorker({
    service: "S", task: "anneal", concurrency: 2, client: () => router.join(),
    handler: (kwargs) => new Promise((resolve, reject) => calls.push({ kwargs, resolve, reject })),
    load: () => ({ name: "w" }),
    clock: (told) => ((tick = told), () => (tick = null)),
  });
  t.after(() => worker.close());
  const become = (status) => new Promise((resolve) => {
    if (worker.status === status) return resolve();
    worker.onchange = () => worker.status === status && resolve();
  });
  return { router, worker, calls, become, tick: () => tick?.(), isTicking: () => tick !== null };
}

test("a worker registers with its slots, and tells its load", async (t) => {
  const { router, worker, calls, become, tick } = setup(t);
  await become("working");
  const [session] = router.sessions;
  const { handler, options } = session.registered.get("S.anneal");
  assert.deepEqual(options, { invoke: "roundrobin", concurrency: 2 });
  const answer = handler([], { x: 1 });
  tick();
  calls[0].resolve("done");
  assert.equal(await answer, "done");
  const failing = handler([], {});
  calls[1].reject(new MeshError("S.error.bad", "bad"));
  await assert.rejects(failing, { uri: "S.error.bad" });
  tick();
  const load = (busy, units) => ["S.on_load", [], { name: "w", concurrency: 2, busy, units }];
  assert.deepEqual(session.events, [load(0, 0), load(1, 0), load(0, 1)]);
  assert.deepEqual([worker.busy, worker.units], [0, 1]);
});

test("a worker that loses its session registers in the next one", async (t) => {
  const { router, worker, become, tick } = setup(t);
  await become("working");
  router.sessions[0].end("lost");
  await become("connecting");
  tick();
  assert.equal(router.sessions[0].events.length, 1, "nothing is told without a session");
  await become("working");
  assert.deepEqual([router.sessions.length, router.sessions[1].registered.has("S.anneal")], [2, true]);
  assert.equal(worker.error, null);
});

test("a worker that finds no router says so, and goes on when there is one", async (t) => {
  const router = new Router();
  const { join } = router;
  router.join = async () => {
    router.join = join;
    throw new MeshError("deltamesh.web.lost", "nobody listens");
  };
  const { worker, become } = setup(t, router);
  await new Promise((resolve) => (worker.onchange = resolve));
  assert.deepEqual([worker.status, worker.error.message], ["connecting", "nobody listens"]);
  await become("working");
  assert.equal(worker.error, null);
});

test("a worker that is refused says why, and asks again", async (t) => {
  const router = new Router();
  router.refuses = true;
  const { worker, become } = setup(t, router);
  await become("refused");
  assert.equal(worker.error.uri, "wamp.error.not_authorized");
  router.refuses = false;
  await become("working");
});

test("a worker that drains takes nothing new, answers what it has, and leaves", async (t) => {
  const { router, worker, calls, become, isTicking } = setup(t);
  await become("working");
  const [session] = router.sessions;
  const answer = session.registered.get("S.anneal").handler([], {});
  const drained = worker.drain();
  assert.deepEqual([worker.status, session.registered.size, session.closed], ["draining", 0, false]);
  calls[0].resolve("done");
  assert.equal(await answer, "done");
  await drained;
  assert.deepEqual([worker.status, session.closed, isTicking()], ["closed", true, false]);
});

test("a worker that closes is gone at once", async (t) => {
  const { router, worker, become, isTicking } = setup(t);
  await become("working");
  void router.sessions[0].registered.get("S.anneal").handler([], {});
  worker.close();
  assert.deepEqual([worker.status, router.sessions[0].closed, isTicking()], ["closed", true, false]);
});

const ID = "0123456789abcdef";
const UNIT = { problem: ID, tour: "[0,1,2,3]", hot: 2, cold: 0.5, steps: 100, seed: 1, limit: 1 };
const SQUARE = { id: ID, name: "square", kind: "EUC_2D", cities: [[0, 0], [10, 10], [10, 0], [0, 10]] };

test("units, tours and problems of which nothing is believed", () => {
  assert.deepEqual(checkedUnit(UNIT), UNIT);
  assert.equal(checkedUnit({ ...UNIT, limit: undefined, ...{ limit: 60 } }).limit, 60);
  const wrong = { problem: "zz", tour: [0], hot: -1, cold: NaN, steps: 1.5, seed: 2 ** 32, limit: 0, more: 1 };
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(() => checkedUnit({ ...UNIT, [name]: value }), { uri: "deltamesh.error.invalid_parameters", retry: false }, name);
  }
  for (const text of ["", "{}", "[0,1,2]", "[0,1,2,2]", "[0,1,2,4]", "[0,1,2,-1]", '[0,1,2,"3"]', "[0,1,2,0.5]"]) {
    assert.throws(() => readTour(text, 4), { uri: "com.example.salesman.error.bad_tour" }, text);
  }
  assert.deepEqual([...readTour("[3,0,2,1]", 4)], [3, 0, 2, 1]);
  assert.equal(checkedProblem(SQUARE, ID), SQUARE);
  for (const [name, value] of Object.entries({ id: "f", kind: "XYZ", cities: [[0, 0], [1, 1]] })) {
    assert.throws(() => checkedProblem({ ...SQUARE, [name]: value }, ID), { uri: "com.example.salesman.error.bad_problem" }, name);
  }
  assert.throws(() => checkedProblem({ ...SQUARE, cities: [[0, 0], [1, 1], [2, 1e9]] }, ID));
});

test("a unit is computed to its end, or until its limit, and counted once", () => {
  const landscape = new Landscapes().add(SQUARE);
  let counted = 0;
  const whole = compute(landscape, UNIT, (routes) => (counted += routes), () => 0);
  assert.deepEqual([whole.best.length, whole.length, whole.steps, whole.seconds], [9, 40, 100, 0]);
  assert.equal(counted, whole.routes);
  assert.deepEqual(compute(landscape, UNIT, undefined, () => 0), whole, "the same arguments, the same result");
  let now = 0;
  const early = compute(landscape, { ...UNIT, steps: 1e8 }, undefined, () => (now += 400));
  assert.equal(early.steps < 1e8 && early.steps > 0, true);
});

/** Slots whose threads are played by the test. */
function played(count, fetch) {
  const threads = [];
  const slots = new Slots(count, (heard, broken) => {
    const thread = { got: [], ended: false, heard, broken };
    threads.push(thread);
    return { post: (message) => thread.got.push(message), end: () => (thread.ended = true) };
  }, fetch);
  return { threads, slots };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("units go to slots that are free, and each problem is fetched once for all", async () => {
  const fetched = [];
  const { threads, slots } = played(2, async (id) => (fetched.push(id), SQUARE));
  const results = [1, 2, 3].map((seed) => slots.compute({ ...UNIT, seed }));
  await turn();
  assert.deepEqual(threads.map(({ got }) => got.map(({ unit }) => unit.seed)), [[1], [2]]);
  for (const thread of threads) thread.heard({ need: ID });
  await turn();
  assert.deepEqual([fetched, threads.map(({ got }) => got.at(-1).problem)], [[ID], [SQUARE, SQUARE]]);
  threads[1].heard({ routes: 5 });
  threads[1].heard({ result: "b" });
  await turn();
  assert.equal(threads[1].got.at(-1).unit.seed, 3);
  threads[0].heard({ error: { uri: "S.error.bad", message: "bad", facts: { retry: false } } });
  threads[1].heard({ result: "c" });
  await assert.rejects(results[0], { uri: "S.error.bad", retry: false });
  assert.deepEqual([await results[1], await results[2], slots.routes], ["b", "c", 5]);
  slots.close();
  assert.deepEqual(threads.map(({ ended }) => ended), [true, true]);
});

test("a slot that breaks is replaced, and a problem that could not be fetched is asked for again", async () => {
  let fails = true;
  const { threads, slots } = played(1, async () => {
    if (fails) throw new MeshError("wamp.error.no_such_procedure", "nobody");
    return SQUARE;
  });
  const first = slots.compute(UNIT);
  const second = slots.compute(UNIT);
  await turn();
  threads[0].broken(new Error("out of memory"));
  await assert.rejects(first, { uri: "deltamesh.error.computation_failed", retry: true });
  await turn();
  threads[1].heard({ need: ID });
  await assert.rejects(second, { uri: "wamp.error.no_such_procedure" });
  fails = false;
  const third = slots.compute(UNIT);
  await turn();
  threads[1].heard({ need: ID });
  await turn();
  threads[1].heard({ result: "c" });
  assert.deepEqual([await third, threads.length], ["c", 2]);
});

test("what the page that lends says", () => {
  const state = { status: "working", error: null, slots: 4, busy: 0, units: 0, routes: 72_123_456, total: 1_500, since: 1_000, now: 3_700_000 };
  assert.match(sentenceOf(state).text, /waiting for work/);
  assert.equal(sentenceOf({ ...state, busy: 1, slots: 1 }).text, "Computing, on one core.");
  assert.deepEqual(sentenceOf({ ...state, status: "refused", error: "no" }).tone, "bad");
  assert.deepEqual(figuresOf(state), { routes: "72.1 M", units: "0", total: "1.50 k", lent: "1:01:39" });
  assert.deepEqual(figuresOf({ ...state, status: "idle", since: 0 }), { routes: "–", units: "–", total: "–", lent: "–" });
  assert.deepEqual([0, 999, 1_000, 999_600, 1e9].map(short), ["0", "999", "1.00 k", "1.00 M", "1.00 G"]);
  assert.deepEqual([0, 61_000].map(stopwatch), ["0:00", "1:01"]);
  assert.deepEqual([undefined, 0, 4, 128].map(coresOf), [1, 1, 4, 16]);
  assert.deepEqual(barsOf([1, 2]), [[58, 6], [59, 12]]);
  const chrome = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36";
  assert.deepEqual([hostOf(chrome), hostOf("")], ["Android, Chrome", "some device, a browser"]);
});
