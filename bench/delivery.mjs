// Measures delivery from a write to many clients: the same procedure for Deltamesh and for Skip.
import { NUM_HOT, randomNumbers } from "./data.mjs";
import { cpuSeconds, emit, now, option, residentMegabytes, serverPids, sleep, statistics, until } from "./measure.mjs";

const NUM_WRITERS = 8;
const AT_ONCE = 8; // clients that connect at the same time
const FIRST_KEY = 10_000_000;
const LIMIT = 60e3; // for anything to arrive [ms]

/**
 * Measure for `--secs` seconds each, and print one line.
 *
 * - `follow(number)` resolves when that client follows its resource,
 * - `writer()` resolves to a function that writes one upvote, `write(key, post)`, and resolves when it is acknowledged,
 * - `onreceived(callback)`: from now on call `callback(updates)` whenever a client receives something.
 *
 * An update is one write made visible to one client.
 */
export async function measure({ numClients, follow, writer, onreceived }) {
  const seconds = option("secs", 5);
  const pids = serverPids();
  let next = 0;
  const begin = now();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < numClients) {
        next += 1;
        await follow(next - 1);
      }
    }),
  );
  const setup = (now() - begin) / numClients;
  const writers = await Promise.all(Array.from({ length: NUM_WRITERS }, writer));
  await sleep(1000);
  const random = randomNumbers(3);
  let key = FIRST_KEY;
  const write = (through) => {
    key += 1;
    return through(key, Math.floor(random() * NUM_HOT));
  };
  const closed = await oneByOne({ numClients, seconds, pids, onreceived, write: () => write(writers[0]) });
  const open = await allTogether({ numClients, seconds, pids, onreceived, writers, write });
  emit({ k: numClients, setup_ms_each: Number(setup.toFixed(2)), closed, open, rss_mb: residentMegabytes(pids) });
  process.exit(0);
}

/** One write at a time, the next one when every client has it. */
async function oneByOne({ numClients, seconds, pids, onreceived, write }) {
  const each = [];
  const all = [];
  const acknowledged = [];
  const cpu = cpuSeconds(pids);
  const end = now() + seconds * 1e3;
  while (now() < end && all.length < 2000) {
    let missing = numClients;
    let last = 0;
    const begin = now();
    const complete = new Promise((done, failed) => {
      const timer = setTimeout(() => failed(new Error(`${missing} clients did not get a write`)), LIMIT);
      onreceived((updates) => {
        last = now();
        each.push(last - begin);
        missing -= updates;
        if (missing > 0) return;
        clearTimeout(timer);
        done();
      });
    });
    await write();
    acknowledged.push(now() - begin);
    await complete;
    all.push(last - begin);
  }
  return {
    acknowledged_ms: statistics(acknowledged),
    client_ms: statistics(each),
    all_clients_ms: statistics(all),
    cpu_us_per_update: microseconds(cpuSeconds(pids) - cpu, all.length * numClients),
  };
}

/** All writers at once, each its next write when its last one is acknowledged. */
async function allTogether({ numClients, seconds, pids, onreceived, writers, write }) {
  let updates = 0;
  let messages = 0;
  let writes = 0;
  onreceived((number) => {
    updates += number;
    messages += 1;
  });
  const cpu = cpuSeconds(pids);
  const begin = now();
  const end = begin + seconds * 1e3;
  await Promise.all(
    writers.map(async (through) => {
      while (now() < end) {
        await write(through);
        writes += 1;
      }
    }),
  );
  if (!(await until(() => updates >= writes * numClients, LIMIT))) throw new Error(`${writes * numClients - updates} updates were lost`);
  const took = (now() - begin) / 1e3;
  return {
    writes_per_s: Math.round(writes / took),
    updates_per_s: Math.round(updates / took),
    messages_per_s: Math.round(messages / took),
    cpu_us_per_update: microseconds(cpuSeconds(pids) - cpu, updates),
  };
}

const microseconds = (seconds, count) => Number(((seconds * 1e6) / count).toFixed(2));
