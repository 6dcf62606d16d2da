import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Landscape } from "../../web/salesman/landscape.js";
import { Chain, anneal } from "../../web/salesman/solver.js";

const { cases } = JSON.parse(readFileSync(new URL("../cases/salesman.json", import.meta.url), "utf8"));

const plain = ({ current, best, length, routes }) => ({ current: [...current], best: [...best], length, routes });

for (const [number, { kind, cities, tour, length, hot, cold, steps, seed, expect }] of cases.entries()) {
  test(`case ${number}: ${kind}, ${cities.length} cities, ${steps} steps`, () => {
    const landscape = new Landscape({ kind, cities });
    assert.equal(landscape.length(tour), length);
    assert.deepEqual(plain(anneal(landscape, tour, hot, cold, steps, seed)), expect);
  });
}

test("pieces come to the same as one call", () => {
  const { kind, cities, tour, hot, cold, steps, seed, expect } = cases.find((each) => each.cities.length === 250);
  const chain = new Chain(new Landscape({ kind, cities }), tour, hot, cold, steps, seed);
  assert.equal(chain.run(0), false);
  assert.equal(chain.run(1), false);
  while (!chain.run(77));
  assert.equal(chain.done, steps);
  assert.deepEqual(plain(chain.result()), expect);
});

test("what is given out is not changed afterwards", () => {
  const { kind, cities, tour, seed } = cases.find((each) => each.cities.length === 60);
  const start = Int32Array.from(tour);
  const chain = new Chain(new Landscape({ kind, cities }), start, 1e9, 1e9, 100, seed);
  chain.run(50);
  const { current, best } = chain.result();
  const before = [[...current], [...best]];
  chain.run(50);
  assert.deepEqual([[...current], [...best]], before);
  assert.deepEqual([...start], tour);
});

test("tours are permutations, never longer than the start, and as long as is said", () => {
  for (const { kind, cities, tour, length, seed } of cases) {
    const landscape = new Landscape({ kind, cities });
    const found = anneal(landscape, tour, 1e6, 0, 60, seed);
    const all = [...tour].sort((a, b) => a - b);
    for (const each of [found.current, found.best]) assert.deepEqual([...each].sort((a, b) => a - b), all);
    assert.equal(landscape.length(found.best), found.length);
    assert.ok(found.length <= length);
  }
});
