// Skip's engine alone, in process.
//   node engine.mjs --graph hn|sum --n 10000 --secs 3
import { initService } from "@skipruntime/wasm";
import { hackernews as hackernewsData, item, numEntries, randomNumbers, sums, upvote } from "../../data.mjs";
import { emit, now, option, repeat, residentMegabytes, statistics } from "../../measure.mjs";
import { hackernews, sumPerGroup } from "./services.mjs";

const n = option("n", 10_000);
const seconds = option("secs", 3);
const isHackernews = option("graph", "hn") === "hn";

const content = isHackernews ? hackernewsData(n) : sums(n);
const service = isHackernews ? hackernews(content) : sumPerGroup(content);
const start = now();
const running = await initService(service);
const load = (now() - start) / 1e3;
await running.instantiateResource("shown", isHackernews ? "top" : "sums", { limit: 25 });
running.subscribe("shown", { subscribed() {}, notify() {}, close() {} });

const random = randomNumbers(99);
let key = n;

function newUpvote() {
  key += 1;
  return [key - 1, [upvote(Math.floor(random() * n), 1)]];
}

function newItem() {
  const number = Math.floor(random() * n);
  return [number, [item(number, Math.floor(random() * 1000))]];
}

const input = isHackernews ? "upvotes" : "items";
const newEntry = isHackernews ? newUpvote : newItem;
const write = (entries) => running.update(input, entries);

/** Entries with different keys. */
function newBatch() {
  const batch = new Map();
  while (batch.size < 1000) {
    const entry = newEntry();
    batch.set(entry[0], entry);
  }
  return [...batch.values()];
}

await repeat(() => [newEntry()], write, seconds, 20); // warms up
const single = await repeat(() => [newEntry()], write, seconds, 20_000);
const batches = statistics(await repeat(newBatch, write, seconds, 200));
emit({
  load_entries_per_s: Math.round(numEntries(content) / load),
  single_ms: statistics(single),
  batch_entries_per_s: Math.round(1e6 / batches.p50),
  rss_mb: residentMegabytes([process.pid]),
});
process.exit(0);
