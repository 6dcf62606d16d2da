import assert from "node:assert/strict";
import { test } from "node:test";
import { waitBefore } from "../../web/deltamesh/backoff.js";
import { Latency } from "../../web/deltamesh/latency.js";

test("a delta after the answer, and one before it", () => {
  const latency = new Latency();
  assert.equal(latency.wrote(["e", 5], 100), null);
  assert.deepEqual(latency.shown(4, ["e", 6], 130), [30]);
  assert.deepEqual(latency.shown(6, ["e", 7], 150), []);
  assert.equal(latency.wrote(["e", 7], 140), 10);
});

test("deltas that do not carry the write do not count", () => {
  const latency = new Latency();
  latency.wrote(["e", 5], 100);
  assert.deepEqual(latency.shown(5, ["e", 6], 110), []);
  assert.deepEqual(latency.shown(3, ["other", 6], 110), []);
  assert.deepEqual(latency.shown(3, ["e", 6], 5_101), [], "too late to be its own");
});

test("waits double up to a limit, and half of each is random", () => {
  assert.deepEqual([0, 1, 2, 3].map((attempt) => waitBefore(attempt, () => 0)), [100, 200, 400, 800]);
  assert.equal(waitBefore(0, () => 0.5), 150);
  assert.equal(waitBefore(1_000, () => 0.999999) <= 5_000, true);
});
