// A worker on Autobahn for JavaScript; see tests/router/test_languages.py for what it prints and reads.
// Arguments: the WebSocket address, the procedure, how many calls at a time.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../../../web/package.json", import.meta.url));
const autobahn = require("autobahn");
const [url, procedure, concurrency] = process.argv.slice(2);

const calls = new Map();

function work([number]) {
  console.log("given", number);
  return new Promise((answer) => calls.set(number, answer));
}

const connection = new autobahn.Connection({ url, realm: "realm1", max_retries: 0 });
connection.onopen = async (session) => {
  await session.register(procedure, work, { invoke: "roundrobin", concurrency: Number(concurrency) });
  createInterface(process.stdin).on("line", (line) => {
    calls.get(Number(line))("autobahn");
    calls.delete(Number(line));
  });
  console.log("ready");
};
connection.open();
