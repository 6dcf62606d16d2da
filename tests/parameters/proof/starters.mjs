// Clients that start at random moments, like starters.py, for Node.js: the same lines.
//   node starters.mjs --router ws://127.0.0.1:8080/ws --count 20 --within 10
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { wampy } from "../../../web/deltamesh.js";
import { Parameters } from "../../../web/deltamesh/parameters.js";

const require = createRequire(new URL("../../../web/package.json", import.meta.url));
const { default: WebSocket } = await import(require.resolve("ws"));
const { Wampy } = require("wampy");

const SERVICE = "com.example.parameters";
const DEFAULT = -1;
const LOOK = 4; // between two reads [ms]

const option = (name) => process.argv[process.argv.indexOf(`--${name}`) + 1];
const within = Number(option("within")) * 1e3;
const say = (what) => process.stdout.write(`${what}\n`);

/** A parameter, and what it has been. */
function hold(parameters, name) {
  const parameter = parameters.get(name, DEFAULT, { type: "integer" });
  const held = { parameter, past: [[parameter.source, parameter.value]], reads: 0, faults: [], last: DEFAULT };
  parameter.onchange = () => held.past.push([parameter.source, parameter.value]);
  return held;
}

function read(held) {
  const { value } = held.parameter;
  held.reads += 1;
  if (!Number.isInteger(value)) held.faults.push(`the value is ${value}`);
  else if (value < held.last) held.faults.push(`the value is ${value} after ${held.last}`);
  else held.last = value;
}

async function run(starter) {
  await sleep(Math.random() * within);
  starter.parameters = new Parameters({ url: option("router"), service: SERVICE, client: wampy(Wampy, { ws: WebSocket }), storage: null });
  starter.held.push(hold(starter.parameters, "clock.n"));
  await sleep((Math.random() * within) / 2);
  starter.held.push(hold(starter.parameters, "clock.again"));
  while (starter.held.some(({ parameter }) => parameter.source !== "live")) await sleep(LOOK);
}

const starters = Array.from({ length: Number(option("count")) }, (_, number) => ({ number, held: [], parameters: null }));
setInterval(() => starters.forEach(({ held }) => held.forEach(read)), LOOK);
process.on("SIGTERM", () => {
  for (const { number, held: [first, second] } of starters) {
    const reads = first.reads + second.reads;
    say(JSON.stringify({ client: `node ${number}`, first: first.past, second: second.past, reads, faults: [...first.faults, ...second.faults].slice(0, 5) }));
  }
  process.stdout.write("", () => process.exit(0));
});
await Promise.all(starters.map(run));
say("starters: ready");
let told = DEFAULT;
setInterval(() => {
  const now = Math.min(...starters.flatMap(({ held }) => held.map(({ parameter }) => parameter.value)));
  if (now > told) say(`starters: at ${(told = now)}`);
}, 50);
