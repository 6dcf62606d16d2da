// A worker on Wampy; see tests/router/test_languages.py for what it prints and reads.
// Arguments: the WebSocket address, the procedure, how many calls at a time.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../../../web/package.json", import.meta.url));
const { Wampy } = require("wampy");
const { default: WebSocket } = await import(require.resolve("ws"));
const [url, procedure, concurrency] = process.argv.slice(2);

const calls = new Map();

function work({ argsList: [number] }) {
  console.log("given", number);
  return new Promise((answer) => calls.set(number, () => answer({ argsList: ["wampy"] })));
}

// Wampy sends only options that it knows, and those whose name begins with "_".
class Worker extends Wampy {
  _extractCustomOptions(options) {
    return { ...super._extractCustomOptions(options), concurrency: options.concurrency };
  }
}

const wampy = new Worker(url, { realm: "realm1", ws: WebSocket, maxRetries: 0 });
await wampy.connect();
await wampy.register(procedure, work, { invoke: "roundrobin", concurrency: Number(concurrency) });
createInterface(process.stdin).on("line", (line) => {
  calls.get(Number(line))();
  calls.delete(Number(line));
});
console.log("ready");
