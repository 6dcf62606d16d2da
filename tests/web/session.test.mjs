import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { wampy } from "../../web/deltamesh.js";
import { Wampy } from "../../web/node_modules/wampy/dist/esm/wampy.js";

const own = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");

/** Let the global class of WebSockets be this one, or be missing as in Node.js 20. */
function provide(WebSocket) {
  delete globalThis.WebSocket;
  if (WebSocket) Object.defineProperty(globalThis, "WebSocket", { value: WebSocket, configurable: true });
}

afterEach(() => provide(own?.value));

/** A class of WebSockets that are closed at once, and the addresses that were opened. */
function closing() {
  const opened = [];
  class WebSocket {
    constructor(url) {
      opened.push(url);
      setImmediate(() => this.onclose({}));
    }
  }
  return { WebSocket, opened };
}

const where = { url: "ws://127.0.0.1:1/ws", realm: "realm1" };

test("without a class of WebSockets wampy() fails at once and says what to give", () => {
  provide(undefined);

  for (const options of [undefined, { ws: undefined }, { ws: null }]) {
    assert.throws(() => wampy(Wampy, options), { name: "TypeError", message: /package ws, as in wampy\(Wampy, \{ ws: WebSocket \}\)/ });
  }
});

test("the class that is given is used", async () => {
  provide(undefined);
  const { WebSocket, opened } = closing();

  await assert.rejects(wampy(Wampy, { ws: WebSocket })(where), { uri: "deltamesh.web.lost" });
  assert.deepEqual(opened, [where.url]);
});

test("the global class is used, in Node.js too", async () => {
  const { WebSocket, opened } = closing();
  provide(WebSocket);

  await assert.rejects(wampy(Wampy)(where), { uri: "deltamesh.web.lost" });
  assert.deepEqual(opened, [where.url]);
});
