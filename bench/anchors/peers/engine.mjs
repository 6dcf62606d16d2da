// TanStack's incremental engine, in process.
//   node engine.mjs --graph hn|sum --n 10000 --secs 3
import { D2, MultiSet, join, map, output, reduce, topKWithFractionalIndex } from "@tanstack/db-ivm";
import { NUM_GROUPS, hackernews, item, numEntries, randomNumbers, sums, upvote } from "../../data.mjs";
import { emit, now, option, repeat, residentMegabytes, statistics } from "../../measure.mjs";

const n = option("n", 10_000);
const seconds = option("secs", 3);
const isHackernews = option("graph", "hn") === "hn";

const graph = new D2();
const inputs = {};
const view = new Map(); // key -> values that are shown

/** Keep the view: rows come as [[key, value], multiplicity]. */
function show(changes) {
  for (const [[key, value], multiplicity] of changes.getInner()) {
    const values = view.get(key) ?? [];
    if (multiplicity > 0) {
      values.push(value);
    } else {
      const text = JSON.stringify(value);
      const index = values.findIndex((each) => JSON.stringify(each) === text);
      if (index >= 0) values.splice(index, 1);
    }
    if (values.length > 0) view.set(key, values);
    else view.delete(key);
  }
}

const byRank = (a, b) => b.upvotes - a.upvotes || a.id - b.id;

/** Posts joined with authors and ranked by upvotes, which are counted. */
function describeHackernews() {
  const [users, posts, upvotes] = ["users", "posts", "upvotes"].map((name) => (inputs[name] = graph.newInput()));
  const count = reduce((rows) => [[rows.reduce((sum, [, multiplicity]) => sum + multiplicity, 0), 1]]);
  const counts = upvotes.pipe(
    map(([, { post_id }]) => [post_id, 1]),
    count,
  );
  posts.pipe(
    join(counts, "left"),
    map(([id, [post, upvotes]]) => [post.author_id, { ...post, id, upvotes: upvotes ?? 0 }]),
    join(users, "left"),
    map(([, [post, author]]) => [post.id, { ...post, author }]),
    topKWithFractionalIndex(byRank, { limit: 25 }),
    map(([id, [post]]) => [id, post]),
    output(show),
  );
}

/** A sum for each group. */
function describeSums() {
  inputs.items = graph.newInput();
  inputs.items.pipe(
    map(([, { g, v }]) => [g, v]),
    reduce((rows) => [[rows.reduce((sum, [value, multiplicity]) => sum + value * multiplicity, 0), 1]]),
    output(show),
  );
}

function write([input, rows]) {
  inputs[input].sendData(new MultiSet(rows));
  graph.run();
}

if (isHackernews) describeHackernews();
else describeSums();
graph.finalize();
const content = isHackernews ? hackernews(n) : sums(n);
const rows = Object.entries(content).map(([input, entries]) => [input, entries.map((entry) => [entry, 1])]);
const start = now();
for (const each of rows) write(each);
const load = (now() - start) / 1e3;

const random = randomNumbers(99);
const counts = new Int32Array(n); // what the view has to show, counted without the engine
const items = new Map(content.items);
for (const [, { post_id }] of content.upvotes ?? []) counts[post_id] += 1;
let key = n;

function newUpvote() {
  const number = Math.floor(random() * n);
  key += 1;
  counts[number] += 1;
  return [[[key - 1, upvote(number, 1)], 1]];
}

/** An engine of multisets is told what goes as well. */
function newItem() {
  const number = Math.floor(random() * n);
  const before = items.get(number);
  const after = item(number, Math.floor(random() * 1000));
  items.set(number, after);
  return [
    [[number, before], -1],
    [[number, after], 1],
  ];
}

const input = isHackernews ? "upvotes" : "items";
const newRows = isHackernews ? newUpvote : newItem;
const newBatch = () => [input, Array.from({ length: 1000 }, newRows).flat()];

await repeat(() => [input, newRows()], write, seconds, 20); // warms up
const single = await repeat(() => [input, newRows()], write, seconds, 20_000);
const batches = statistics(await repeat(newBatch, write, seconds, 200));

function isCorrect() {
  if (!isHackernews) {
    const expected = new Array(NUM_GROUPS).fill(0);
    for (const { g, v } of items.values()) expected[g] += v;
    return expected.every((sum, group) => view.get(group)[0] === sum);
  }
  const top = Array.from(counts, (upvotes, id) => ({ id, upvotes })).sort(byRank).slice(0, 25);
  const shown = [...view.values()].map(([post]) => post).sort(byRank);
  return top.every(({ id, upvotes }, rank) => shown[rank].id === id && shown[rank].upvotes === upvotes);
}

if (!isCorrect()) throw new Error("the view is wrong");
emit({
  load_entries_per_s: Math.round(numEntries(content) / load),
  single_ms: statistics(single),
  batch_entries_per_s: Math.round(1e6 / batches.p50),
  rss_mb: residentMegabytes([process.pid]),
});
