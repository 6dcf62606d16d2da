// 200 bytes from one WebSocket client to many, through a router or a server: first as fast as it goes, then at a fixed rate.
//   node fan_out.mjs --kind wamp|socket.io --port P --topic T --n 1000 --secs 4 --pids 1,2
import { cpuSeconds, emit, now, option, residentMegabytes, serverPids, sleep, statistics, until } from "./measure.mjs";
import { join } from "./wamp.mjs";
import { connect, textFrame } from "./websocket.mjs";

const IN_FLIGHT = 8; // publications that not everybody has yet
const RATE = 5; // publications in a second, where latency is measured
const DIGITS = 10; // of the number that each publication begins with
const QUOTE = 34;
const ZERO = 48;
const AT_ONCE = 50; // clients that connect at the same time

const port = option("port", 0);
const topic = option("topic", "");
const numClients = option("n", 100);
const seconds = option("secs", 4);
const pids = serverPids();

let delivered = 0;
let received = () => {}; // with the number of the publication

const payload = (number) => String(number).padStart(DIGITS, "0") + "x".repeat(190);

/** Count the delivery whose number begins at `at`. */
function deliver(bytes, at) {
  let number = 0;
  for (let digit = 0; digit < DIGITS; digit++) number = number * 10 + bytes[at + digit] - ZERO;
  delivered += 1;
  received(number);
}

/** WAMP: `[36, subscription, publication, {}, ["0000000001…"]]`. */
const wamp = {
  async subscriber() {
    const session = await join(port, (bytes, start) => deliver(bytes, bytes.indexOf(QUOTE, start) + 1));
    await session.subscribe(topic);
  },
  async publisher() {
    const session = await join(port);
    return (number) => session.publish(topic, [payload(number)]);
  },
};

/** Socket.IO on Engine.IO (their protocol 5 and 4): `0…` open, `40` connect, `2` ping, `3` pong, `42["event", …]` event. */
const socketIO = {
  open(onevent) {
    return new Promise((joined) => {
      const onmessage = (bytes, start) => {
        const kind = String.fromCharCode(bytes[start], bytes[start + 1]);
        if (kind[0] === "0") socket.write(textFrame("40"));
        else if (kind[0] === "2") socket.write(textFrame("3"));
        else if (kind === "40") joined(socket);
        else if (kind === "42") onevent(bytes, start + '42["ev","'.length);
      };
      const socket = connect(port, "/socket.io/?EIO=4&transport=websocket", { onmessage });
    });
  },
  subscriber() {
    return this.open(deliver);
  },
  async publisher() {
    const socket = await this.open(() => {});
    return (number) => socket.write(textFrame(`42["pub","${payload(number)}"]`));
  },
};

const kind = { wamp, "socket.io": socketIO }[option("kind", "wamp")];
const before = residentMegabytes(pids);
for (let number = 0; number < numClients; number += AT_ONCE) {
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, numClients - number) }, () => kind.subscriber()));
}
const publish = await kind.publisher();
await sleep(500);
const connected = residentMegabytes(pids);

// A few publications in flight, the next one whenever everybody has one.
const missing = new Map(); // publication -> clients that do not have it yet
let lastNumber = 0;
let isStopping = false;
const send = () => {
  lastNumber += 1;
  missing.set(lastNumber, numClients);
  publish(lastNumber);
};
received = (number) => {
  const left = missing.get(number) - 1;
  missing.set(number, left);
  if (left > 0) return;
  missing.delete(number);
  if (!isStopping) send();
};
for (let count = 0; count < IN_FLIGHT; count++) send();
await sleep(1000);
const start = { at: now(), delivered, cpu: cpuSeconds(pids) };
await sleep(seconds * 1e3);
const took = (now() - start.at) / 1e3;
const count = delivered - start.delivered;
const cpu = cpuSeconds(pids) - start.cpu;
isStopping = true;
if (!(await until(() => missing.size === 0, 30e3))) throw new Error("publications were lost");

// A fixed rate.
const sentAt = new Map();
const latencies = [];
const lastLatencies = []; // of the client that has it last
received = (number) => {
  const latency = now() - sentAt.get(number);
  latencies.push(latency);
  const left = missing.get(number) - 1;
  missing.set(number, left);
  if (left > 0) return;
  missing.delete(number);
  lastLatencies.push(latency);
};
const first = now();
for (let sent = 0; sent < seconds * RATE; sent++) {
  await sleep(Math.max(0, first + (sent * 1e3) / RATE - now()));
  sentAt.set(lastNumber + 1, now());
  send();
}
if (!(await until(() => missing.size === 0, 30e3))) throw new Error("publications were lost");

emit({
  n: numClients,
  kilobytes_per_client: Math.round(((connected - before) * 1024) / numClients),
  delivered_per_s: Math.round(count / took),
  server_us_per_delivery: Number(((cpu * 1e6) / count).toFixed(2)),
  client_ms: statistics(latencies),
  last_client_ms: statistics(lastLatencies),
});
process.exit(0);
