import assert from "node:assert/strict";
import { test } from "node:test";
import { Entries, compareKeys, keyText, same } from "../../web/deltamesh/entries.js";

const ORDERED = [null, false, true, -2, 0, 1.5, 10, "", "B", "a", "aa", "\uff5e", "\u{1f600}", [], [null], [1], [1, "x"], [2], {}, { a: 1 }, { a: 1, b: 0 }, { b: 0 }];

test("the order of keys is total", () => {
  for (const [i, a] of ORDERED.entries()) {
    for (const [j, b] of ORDERED.entries()) assert.equal(Math.sign(compareKeys(a, b)), Math.sign(i - j), `${JSON.stringify(a)} and ${JSON.stringify(b)}`);
  }
});

test("equal keys have one text, others have not", () => {
  assert.equal(new Set(ORDERED.map(keyText)).size, ORDERED.length);
  assert.equal(keyText({ a: [1, { b: 2, c: 3 }] }), keyText({ a: [1.0, { c: 3, b: 2 }] }));
  assert.equal(keyText(-0), keyText(0));
  assert.notEqual(keyText([1, 2]), keyText(["1,2"]));
});

test("values are the same by content, true is not 1", () => {
  assert.ok(same({ a: [1, null], b: {} }, { b: {}, a: [1, null] }));
  for (const [a, b] of [[true, 1], [[], {}], [null, 0], [{ a: undefined }, { b: undefined }], [[1], [1, 2]]]) assert.ok(!same(a, b));
});

test("apply and replace report what differs, in key order, and leave handed out lists alone", () => {
  const entries = new Entries();
  assert.deepEqual(entries.apply([["b", [1]], ["a", [1]], ["gone", []]]), ["a", "b"]);
  const before = entries.list();
  assert.deepEqual(entries.apply([["b", [1]], ["c", [2]], ["a", []]]), ["a", "c"]);
  assert.deepEqual(entries.replace([["c", [2]], ["d", [4]]]), ["b", "d"]);
  assert.deepEqual(entries.list(), [["c", [2]], ["d", [4]]]);
  assert.deepEqual(before, [["a", [1]], ["b", [1]]]);
});
