// What a write costs with many instances of resources, in process. One line for each number of instances.
//   node instances.mjs --kind shared|own|one --n 10000 --ks 1,1000,10000 --secs 2 --budget 60
// Making instances costs the square of their number, so after `--budget` seconds it ends with as many as there are.
import { initService } from "@skipruntime/wasm";
import { NUM_HOT, hackernews, post, randomNumbers, upvote } from "../../data.mjs";
import { emit, now, option, repeat, residentMegabytes, statistics } from "../../measure.mjs";
import { countedHackernews } from "./services.mjs";

const kind = option("kind", "own");
const n = option("n", 10_000);
const ks = option("ks", "1,1000,10000").split(",").map(Number);
const seconds = option("secs", 2);
const deadline = now() + option("budget", 60) * 1e3;

const content = hackernews(n, { hot: true });
const running = await initService(countedHackernews(content));
const random = randomNumbers(5);
let key = content.upvotes.length;

const requests = {
  shared: () => ["top", { limit: 25 }],
  own: (number) => ["top_for", { limit: 25, reader: number }],
  one: (number) => ["one", { post: number % n }],
};

async function addInstance(number) {
  await running.instantiateResource(`instance${number}`, ...requests[kind](number));
  running.subscribe(`instance${number}`, { subscribed() {}, notify() {}, close() {} });
}

/** A write that moves the top 25. */
function hot() {
  key += 1;
  return ["upvotes", [[key, [upvote(Math.floor(random() * NUM_HOT), 1)]]]];
}

/** A write that no instance shows. */
function cold() {
  const number = NUM_HOT + Math.floor(random() * (n - NUM_HOT));
  return ["posts", [[number, [{ ...post(number, n), title: `e${random()}` }]]]];
}

const write = ([input, entries]) => running.update(input, entries);

let count = 0;
for (const wanted of ks) {
  const start = now();
  const before = count;
  while (count < wanted && now() < deadline) {
    await addInstance(count);
    count += 1;
  }
  emit({
    k: count,
    create_ms_each: Number(((now() - start) / Math.max(1, count - before)).toFixed(3)),
    hot_ms: statistics(await repeat(hot, write, seconds, 3000)),
    cold_ms: statistics(await repeat(cold, write, seconds, 3000)),
    rss_mb: residentMegabytes([process.pid]),
  });
  if (count < wanted) break;
}
process.exit(0);
