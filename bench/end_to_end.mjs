// Many WebSocket clients and the writers, in one process: how long a write takes until all clients have it, and how many they get.
//   node end_to_end.mjs --port P --service S --mode same|own --k 100 --secs 5 --pids 1,2,3
import { measure } from "./delivery.mjs";
import { now, option, sleep } from "./measure.mjs";
import { join } from "./wamp.mjs";

const port = option("port", 0);
const service = option("service", "");
const mode = option("mode", "same");
const numClients = option("k", 100);

let received = () => {}; // with the number of updates

const request = (number) => (mode === "same" ? ["top", { limit: 25 }] : ["top_for", { limit: 25, reader: number }]);

/** The revisions that an event leads from and to: `[36, subscription, publication, {}, [epoch, from, to, entries]]`. */
function revisions(bytes, start, end) {
  const found = /,\["[^"]*",\s*(\d+),\s*(\d+),/.exec(bytes.toString("latin1", start, Math.min(end, start + 200)));
  return [Number(found[1]), Number(found[2])];
}

/** One client: it opens its resource, follows it, and reports how many writes each event makes visible. */
async function follow(number) {
  let revision = Infinity;
  const session = await join(port, (bytes, start, end) => {
    const [from, to] = revisions(bytes, start, end);
    if (to <= revision) return;
    if (from > revision) throw new Error(`a gap without any fault: revision ${revision}, then ${from} to ${to}`);
    received(to - revision);
    revision = to;
  });
  const answer = await patiently(() => session.call(`${service}.open`, request(number)));
  revision = answer.revision;
  await session.subscribe(answer.topic);
}

/** Try again while followers are not there yet, or have enough to do. */
async function patiently(attempt) {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries > 100 || !/no_such_procedure|max_concurrency/.test(error.message)) throw error;
      await sleep(100);
    }
  }
}

await measure({
  numClients,
  follow,
  writer: async () => {
    const session = await join(port);
    return (key, post) => session.call(`${service}.upvote`, [key, post, 2]);
  },
  onreceived: (callback) => {
    received = callback;
  },
});
