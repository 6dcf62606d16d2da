import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../../web/deltamesh.js";
import { MeshError } from "../../web/deltamesh/errors.js";
import { Content, Follower, Router } from "./mesh.mjs";

/** A mesh with one follower, and a client of it. */
function setup(t, content = new Content()) {
  const router = new Router();
  const follower = new Follower(router, "f1", content);
  const mesh = connect({ service: "S", client: () => router.join() });
  t.after(() => mesh.close());
  return { router, content, follower, mesh };
}

/** The changes that a live collection reports, one after the other; the first is what is there already. */
function changes(live) {
  const told = [];
  let wake = () => undefined;
  live.onchange = (change) => {
    told.push(change);
    wake();
  };
  return async () => {
    while (told.length === 0) await new Promise((resolve) => (wake = resolve));
    return told.shift();
  };
}

/** Resolves when `live` has this status. */
function status(live, wanted) {
  return new Promise((resolve) => {
    live.onstatus = () => live.status === wanted && resolve();
  });
}

const opens = (session) => session.calls.filter(([uri]) => uri === "S.open").map(([, , kwargs]) => kwargs.position ?? null);
const onlySession = (router) => [...router.sessions][0];

test("live gives the content in key order, then each change with the keys that differ", async (t) => {
  const { content, follower, mesh } = setup(t);
  content.commit({ b: 1, a: 2 });
  const live = await mesh.live("all");
  const next = changes(live);
  assert.deepEqual(await next(), { entries: [["a", [2]], ["b", [1]]], changed: ["a", "b"] });
  await status(live, "live");
  content.commit({ b: undefined, a: 2, c: 3 });
  follower.publish();
  assert.deepEqual(await next(), { entries: [["a", [2]], ["c", [3]]], changed: ["b", "c"] });
  assert.deepEqual([live.position, live.follower, live.counts], [["E1", 2], "f1", { opened: 1, deltas: 1, gaps: 0 }]);
});

test("a lost delta is noticed at the next one and made up for from the position", async (t) => {
  const { router, content, follower, mesh } = setup(t);
  const live = await mesh.live("all");
  const next = changes(live);
  await next();
  await status(live, "live");
  content.commit({ a: 1 });
  follower.publish({ lost: true });
  content.commit({ b: 2 });
  follower.publish();
  assert.deepEqual(await next(), { entries: [["a", [1]], ["b", [2]]], changed: ["a", "b"] });
  assert.deepEqual(opens(onlySession(router)), [null, ["E1", 0]]);
  assert.equal(live.counts.gaps, 1);
});

test("when its follower leaves, another one goes on from the position; old entries stay meanwhile", async (t) => {
  const { router, content, follower, mesh } = setup(t);
  content.commit({ a: 1 });
  const live = await mesh.live("all");
  const next = changes(live);
  await next();
  await status(live, "live");
  follower.leave();
  await status(live, "waiting");
  assert.deepEqual(live.entries, [["a", [1]]]);
  content.commit({ b: 2 });
  const second = new Follower(router, "f2", content);
  assert.deepEqual((await next()).changed, ["b"]);
  await status(live, "live");
  assert.equal(live.follower, "f2");
  const { handlers } = onlySession(router);
  assert.deepEqual([...handlers.keys()], [second.topic, second.gone]);
});

test("an instance that is handed over is opened at the follower that was named, and shown without a break", async (t) => {
  const { router, content, follower, mesh } = setup(t);
  content.commit({ a: 1 });
  const live = await mesh.live("all");
  const next = changes(live);
  await next();
  await status(live, "live");
  const others = ["f2", "f3", "f4"].map((name) => new Follower(router, name, content));
  const statuses = [];
  const moved = new Promise((resolve) => {
    live.onstatus = () => statuses.push(live.status) && live.follower === "f3" && resolve();
  });
  follower.handOver("S.open.f3");
  content.commit({ b: 2 });
  follower.publish();
  await moved;
  assert.deepEqual((await next()).changed, ["b"]);
  assert.deepEqual([...new Set(statuses)], ["live"]);
  assert.deepEqual([...onlySession(router).handlers.keys()], [others[1].topic, others[1].gone]);
  assert.deepEqual(live.counts, { opened: 2, deltas: 1, gaps: 0 });
});

test("an instance of another topic that is handed over does not concern it", async (t) => {
  const { router, content, follower, mesh } = setup(t);
  const live = await mesh.live("all");
  const next = changes(live);
  await next();
  await status(live, "live");
  router.publish(follower.gone, [["S.live.f1.other"], "S.open.f1"]);
  content.commit({ a: 1 });
  follower.publish();
  await next();
  assert.equal(onlySession(router).calls.length, 1);
});

test("if the follower that was named cannot take it, any other may", async (t) => {
  const { content, follower, mesh } = setup(t);
  const live = await mesh.live("all");
  const next = changes(live);
  await next();
  await status(live, "live");
  const anew = new Promise((resolve) => {
    live.onstatus = () => live.status === "live" && live.counts.opened === 2 && resolve();
  });
  follower.handOver("S.open.nobody");
  await anew;
  content.commit({ a: 1 });
  follower.publish();
  assert.deepEqual((await next()).changed, ["a"]);
});

test("when the router restarts, only what differs is reported", async (t) => {
  const { router, content, follower, mesh } = setup(t);
  content.commit({ a: 1, b: 1 });
  const live = await mesh.live("all");
  const next = changes(live);
  await next();
  await status(live, "live");
  router.stop();
  await status(live, "waiting");
  assert.equal(mesh.status, "connecting");
  const restarted = new Content("E2");
  restarted.commit({ a: 1, b: 2 });
  router.start();
  new Follower(router, "f1", restarted);
  assert.deepEqual(await next(), { entries: [["a", [1]], ["b", [2]]], changed: ["b"] });
  assert.deepEqual([live.position, mesh.status, mesh.sessions], [["E2", 1], "open", 2]);
  assert.equal(follower.topic, `S.live.f1.all`);
});

test("a service that is absent is waited for, and the reason is shown", async (t) => {
  const router = new Router();
  const mesh = connect({ service: "S", client: () => router.join() });
  t.after(() => mesh.close());
  const live = mesh.watch("all");
  await new Promise((resolve) => {
    live.onstatus = () => live.error && resolve();
  });
  assert.deepEqual([live.status, live.error.uri], ["waiting", "wamp.error.no_such_procedure"]);
  new Follower(router, "f1", new Content());
  await live.ready;
  await status(live, "live");
  assert.equal(live.error, null);
});

test("an error for good rejects, and closes the collection", async (t) => {
  const { mesh } = setup(t);
  await assert.rejects(mesh.live("nothing"), { uri: "deltamesh.error.unknown_resource", retry: false });
  assert.equal(mesh.lives.size, 0);
});

test("an event that cannot be read changes nothing, and the whole is asked for", async (t) => {
  const { router, content, follower, mesh } = setup(t);
  content.commit({ a: 1 });
  const live = await mesh.live("all");
  const next = changes(live);
  await next();
  await status(live, "live");
  content.commit({ a: 2 });
  router.publish(follower.topic, ["E1", 1, 2, '[["a",[2]],["b"]]']);
  assert.deepEqual(await next(), { entries: [["a", [2]]], changed: ["a"] });
  assert.deepEqual(opens(onlySession(router)), [null, null]);
});

test("a large result comes in parts and is shown at once", async (t) => {
  const { content, follower, mesh } = setup(t);
  content.commit({ z: 1 });
  const whole = follower.answer.bind(follower);
  follower.answer = (args, kwargs, onpart) => {
    onpart({ entries: '[["b",[1]]]' });
    onpart({ entries: '[["a",[1]]]' });
    return whole(args, kwargs);
  };
  const live = await mesh.live("all");
  const next = changes(live);
  assert.deepEqual((await next()).changed, ["a", "b", "z"]);
});

test("two collections of one resource share the subscription; the last one ends it", async (t) => {
  const { router, content, follower, mesh } = setup(t);
  const [first, second] = await Promise.all([mesh.live("all"), mesh.live("all")]);
  await Promise.all([status(first, "live"), status(second, "live")]);
  const nexts = [changes(first), changes(second)];
  await Promise.all(nexts.map((next) => next()));
  content.commit({ a: 1 });
  follower.publish();
  for (const next of nexts) assert.deepEqual((await next()).changed, ["a"]);
  first.close();
  await new Promise(setImmediate);
  assert.ok(onlySession(router).handlers.has(follower.topic));
  second.close();
  await new Promise(setImmediate);
  assert.equal(onlySession(router).handlers.size, 0);
});

test("a handler that throws does not stop the collection", async (t) => {
  const { content, follower, mesh } = setup(t);
  const live = await mesh.live("all");
  await status(live, "live");
  const uncaught = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const thrown = new Promise((resolve) => process.once("uncaughtException", resolve));
  t.after(() => uncaught.forEach((each) => process.on("uncaughtException", each)));
  live.onchange = () => {
    throw new Error("a bug of the page");
  };
  assert.equal((await thrown).message, "a bug of the page");
  const next = changes(live);
  await next();
  content.commit({ a: 1 });
  follower.publish();
  assert.deepEqual((await next()).changed, ["a"]);
});

test("read gives the entries once, with their position", async (t) => {
  const { content, mesh } = setup(t);
  content.commit({ a: 1 });
  assert.deepEqual(await mesh.read("all", {}, { key: "a", atLeast: ["E1", 1] }), { entries: [["a", [1]]], position: ["E1", 1] });
});

test("an action is repeated under one idempotency key until its answer is known", async (t) => {
  const { router, follower, mesh } = setup(t);
  const errors = [new MeshError("crossbar.error.max_concurrency_reached", ""), new MeshError("wamp.error.canceled", "the leader died")];
  follower.register("S.act", () => {
    if (errors.length > 0) throw errors.shift();
    return { result: 7, epoch: "E1", revision: 3 };
  });
  assert.deepEqual(await mesh.call("act", { n: 1 }), { result: 7, position: ["E1", 3] });
  await mesh.call("act", [1, 2]);
  const calls = onlySession(router).calls.map(([, args, { idempotency_key: key, ...kwargs }]) => ({ key, args, kwargs }));
  assert.deepEqual(calls.map(({ args, kwargs }) => [args, kwargs]), [[[], { n: 1 }], [[], { n: 1 }], [[], { n: 1 }], [[1, 2], {}]]);
  assert.deepEqual(calls.map(({ key }) => key === calls[0].key), [true, true, true, false]);
  assert.match(calls[0].key, /^[0-9a-f]{32}$/);
});

test("an action that fails for good is not repeated", async (t) => {
  const { router, follower, mesh } = setup(t);
  follower.register("S.act", () => {
    throw new MeshError("S.error.name_taken", "taken", { retry: false, name: "ada" });
  });
  await assert.rejects(mesh.call("act"), { uri: "S.error.name_taken", message: "taken", facts: { name: "ada" } });
  assert.equal(onlySession(router).calls.length, 1);
});

test("a follower that does not greet is left after five seconds, one that falls silent after 75", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { router, content, follower, mesh } = setup(t);
  router.procedures.set("subscribed", []);
  const live = await mesh.live("all");
  const session = onlySession(router);
  await status(live, "live");
  t.mock.timers.tick(4_999);
  assert.equal(live.status, "live");
  const left = status(live, "waiting");
  t.mock.timers.tick(1);
  await left;
  assert.equal(live.error.uri, "deltamesh.web.silent");
  await status(live, "live"); // the topic is still subscribed, no greeting is due
  t.mock.timers.tick(60_000);
  content.commit({ a: 1 });
  follower.publish();
  t.mock.timers.tick(74_999);
  assert.deepEqual([live.status, opens(session).length], ["live", 2]);
  const silent = status(live, "waiting");
  t.mock.timers.tick(1);
  await silent;
});

test("a session on which nothing comes any more is given up", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const { router, mesh } = setup(t);
  await mesh.live("all");
  const dead = onlySession(router);
  Object.assign(dead, { call: () => new Promise(() => undefined), close: () => undefined });
  const read = mesh.read("all", {}, { patience: 1e9 });
  await seconds(t, 7);
  assert.equal(mesh.status, "open");
  await seconds(t, 1);
  assert.equal(mesh.error.message, "the router does not answer");
  await seconds(t, 3);
  assert.deepEqual((await read).entries, []);
  assert.equal(mesh.sessions, 2);
});

test("a router that refuses what it is asked lives, and is asked only while nothing else comes", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const { router, content, follower, mesh } = setup(t);
  await mesh.live("all");
  const session = onlySession(router);
  const asked = () => session.calls.filter(([uri]) => uri === "deltamesh.web.alive").length;
  await seconds(t, 60);
  assert.equal(asked(), 20);
  for (let i = 0; i < 60; i++) {
    content.commit({ a: i });
    follower.publish();
    await seconds(t, 1);
  }
  assert.equal(asked(), 20);
  assert.equal(mesh.sessions, 1);
});

/** Let seconds pass, one by one, and everything happen that follows from each. */
async function seconds(t, number) {
  for (let i = 0; i < number; i++) {
    t.mock.timers.tick(1_000);
    await new Promise(setImmediate);
  }
}

test("what a page has written and sees again is timed", async (t) => {
  const { content, follower, mesh } = setup(t);
  follower.register("S.put", () => {
    content.commit({ a: 1 });
    follower.publish();
    return { result: null, epoch: content.epoch, revision: content.revision };
  });
  const live = await mesh.live("all");
  await status(live, "live");
  assert.equal(mesh.latency.delta, null);
  await mesh.call("put");
  assert.ok(mesh.latency.delta >= 0);
});

test("a closed mesh ends its collections and its session", async (t) => {
  const { router, mesh } = setup(t);
  const live = await mesh.live("all");
  mesh.close();
  assert.deepEqual([live.status, mesh.status, router.sessions.size], ["closed", "closed", 0]);
});
