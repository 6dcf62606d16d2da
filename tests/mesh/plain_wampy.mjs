// A live resource with plain Wampy, as docs/protocol.md tells: one call, one subscription, four rules.
// Arguments: the WebSocket address, the URI of the service. Prints what it shows as JSON lines; ends when the key "end" is there.

import { createRequire } from "node:module";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { Wampy } = require("wampy");
const { default: WebSocket } = await import(require.resolve("ws"));
const [url, service] = process.argv.slice(2);

const content = new Map();
let epoch = null;
let revision = -1;
let topic = null;

function set(entries) {
  for (const [key, values] of JSON.parse(entries)) {
    if (values.length > 0) content.set(JSON.stringify(key), values);
    else content.delete(JSON.stringify(key));
  }
  console.log(JSON.stringify({ revision, content: Object.fromEntries(content) }));
}

async function open() {
  const position = epoch === null ? {} : { position: [epoch, revision] };
  const { argsDict: kwargs, argsList: [answer] } = await wampy.call(`${service}.open`, { argsList: ["words", {}], argsDict: position });
  if (kwargs && Object.keys(kwargs).length > 0) throw new Error("a result has one argument");
  if (answer.from === null) content.clear();
  ({ epoch, revision } = answer);
  set(answer.entries);
  if (answer.topic !== topic) {
    topic = answer.topic;
    await wampy.subscribe(answer.gone, open);
    await wampy.subscribe(topic, ({ argsList }) => event(...argsList));
  }
}

async function event(itsEpoch, from, to, entries) {
  if (itsEpoch !== epoch || from > revision) await open();
  else if (to > revision) {
    revision = to;
    set(entries);
  }
  if (content.has('"end"')) await wampy.disconnect();
}

const wampy = new Wampy(url, { realm: "realm1", ws: WebSocket, maxRetries: 0 });
await wampy.connect();
await open();
