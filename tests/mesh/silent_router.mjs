// A page that follows "words" with deltamesh.js and Wampy. Arguments: the WebSocket address, the URI of the service.
// Prints a JSON line whenever the connection to the router is another, or what is shown.

import { createRequire } from "node:module";
import { connect, wampy } from "../../web/deltamesh.js";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { Wampy } = require("wampy");
const { default: WebSocket } = await import(require.resolve("ws"));
const [url, service] = process.argv.slice(2);

const mesh = connect({ url, service, client: wampy(Wampy, { ws: WebSocket }) });
const words = await mesh.live("words");
let said = "";
function say() {
  const line = JSON.stringify({ status: mesh.status, keys: words.size });
  if (line !== said) console.log(line);
  said = line;
}
mesh.onstatus = say;
words.onchange = say;
