// Two workers of the library for JavaScript, one over Wampy with 3 slots, one over Autobahn|JS with 2. Argument: the WebSocket address.
// Prints what happens to them as JSON lines. Commands on standard input: "release" answers all calls from now on, "drain" lets both leave.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { MeshError, MeshWorker, autobahn, wampy } from "../../web/deltamesh.js";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { default: WebSocket } = await import(require.resolve("ws"));
const { Wampy } = require("wampy");
const [url] = process.argv.slice(2);
/** @type {() => void} */
let release;
const released = new Promise((resolve) => (release = resolve));

function worker(name, client, concurrency) {
  const handler = async ({ number, fail }) => {
    if (fail === "own") throw new MeshError("com.example.salesman.error.too_hot", "too hot", { temperature: 7, retry: true });
    if (fail) throw new TypeError("a fault");
    console.log(JSON.stringify({ name, begun: number }));
    await released;
    return { number, worker: name };
  };
  const load = () => ({ name, kind: "node", host: "", cpu: null, routes: 0 });
  const made = new MeshWorker({ url, client, service: "com.example.salesman", task: "anneal", handler, concurrency, load });
  made.onchange = ({ status, error }) => status !== "working" && console.log(JSON.stringify({ name, status, error: error?.message }));
  return made;
}

const workers = [worker("wampy", wampy(Wampy, { ws: WebSocket }), 3), worker("autobahn", autobahn(require("autobahn")), 2)];
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "release") release();
  if (line === "drain") await Promise.all(workers.map((each) => each.drain()));
}
process.exit(0);
