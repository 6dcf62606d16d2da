// A client as a program, like client.py, for Node.js: the same options, and the same lines.
//   node client.mjs --router ws://127.0.0.1:8080/ws --names FILE [--cache FILE] [--name N]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { wampy } from "../../../web/deltamesh.js";
import { Parameters } from "../../../web/deltamesh/parameters.js";
import { fileStorage } from "../../../web/deltamesh/filestorage.js";

const require = createRequire(new URL("../../../web/package.json", import.meta.url));
const { default: WebSocket } = await import(require.resolve("ws"));
const { Wampy } = require("wampy");

const SERVICE = "com.example.parameters";
const DEFAULT = "nothing known";
const PAUSE = 1; // between two reads [ms]

function option(name) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

const say = (what) => process.stdout.write(`${JSON.stringify({ at: Date.now() / 1e3, ...what })}\n`);

const names = JSON.parse(readFileSync(option("names"), "utf8"));
const storage = option("cache") === undefined ? null : fileStorage(option("cache"));
const parameters = new Parameters({ url: option("router"), service: SERVICE, client: wampy(Wampy, { ws: WebSocket }), storage, name: option("name") });
const held = new Map(names.map((name) => [name, parameters.get(name, DEFAULT, { type: () => true })]));

let told = new Map();
let isDue = false;

/** Print what is different from what was printed last, as soon as all that changes together has changed. */
function changed() {
  if (isDue) return;
  isDue = true;
  setImmediate(() => {
    isDue = false;
    const now = new Map([...held].map(([name, each]) => [name, [each.value, each.source, each.commit]]));
    const shown = [...now].filter(([name, what]) => JSON.stringify(told.get(name)) !== JSON.stringify(what));
    if (shown.length > 0) say({ shown: Object.fromEntries(shown) });
    told = now;
  });
}

for (const each of held.values()) each.onchange = changed;
changed();

let reads = 0;
let slowest = 0;
let toldAt = performance.now();
const listed = [...held.values()];
setInterval(() => {
  const began = performance.now();
  const { value } = listed[reads % listed.length];
  slowest = Math.max(slowest, performance.now() - began);
  JSON.stringify(value);
  reads += 1;
  if (performance.now() - toldAt < 1e3) return;
  say({ reads, slowest: slowest / 1e3 });
  [reads, slowest, toldAt] = [0, 0, performance.now()];
}, PAUSE);

process.on("SIGTERM", () => {
  parameters.close();
  process.exit(0);
});
