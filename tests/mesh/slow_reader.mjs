// A page that follows "words" with deltamesh.js and Wampy. Arguments: the WebSocket address, the URI of the service.
// Prints JSON lines: each answer of "open" and from which revision it goes on; what is shown; why a session ended.

import { createRequire } from "node:module";
import { connect, wampy } from "../../web/deltamesh.js";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { Wampy } = require("wampy");
const { default: WebSocket } = await import(require.resolve("ws"));
const [url, service] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));

const plain = wampy(Wampy, { ws: WebSocket });
async function client(where) {
  const session = await plain(where);
  session.ended.then((reason) => say({ ended: reason }));
  async function call(uri, ...rest) {
    const answer = await session.call(uri, ...rest);
    if (uri.endsWith(".open")) say({ from: answer.from, to: answer.revision });
    return answer;
  }
  return { ...session, call };
}

const mesh = connect({ url, service, client });
const words = await mesh.live("words");
const show = () => say({ keys: words.size, position: words.position });
show();
words.onchange = show;
