// A WAMP session over WebSocket with JSON: what a browser speaks, without decoding events.
import { connect, textFrame } from "./websocket.mjs";

const HELLO = 1;
const WELCOME = 2;
const ABORT = 3;
const ERROR = 8;
const PUBLISH = 16;
const SUBSCRIBE = 32;
const SUBSCRIBED = 33;
const CALL = 48;
const RESULT = 50;
const EVENT = Buffer.from("[36,");

/** Join the realm. Events go, unread, to `onevent(bytes, start, end)`. */
export function join(port, onevent = () => {}) {
  const waiting = new Map();
  let lastRequest = 0;
  let socket = null;
  const request = (type, ...rest) =>
    new Promise((done, failed) => {
      lastRequest += 1;
      waiting.set(lastRequest, { done, failed });
      socket.write(textFrame(JSON.stringify([type, lastRequest, {}, ...rest])));
    });
  const settle = (id) => {
    const found = waiting.get(id);
    waiting.delete(id);
    return found;
  };
  const session = {
    /** Call a procedure: its first result. Rejects with the error's URI and message. */
    call: (uri, args) => request(CALL, uri, args),
    subscribe: (topic) => request(SUBSCRIBE, topic),
    publish: (topic, args) => {
      lastRequest += 1;
      socket.write(textFrame(JSON.stringify([PUBLISH, lastRequest, {}, topic, args])));
    },
  };
  return new Promise((joined, failed) => {
    const onmessage = (bytes, start, end) => {
      if (bytes.compare(EVENT, 0, EVENT.length, start, start + EVENT.length) === 0) {
        onevent(bytes, start, end);
        return;
      }
      const message = JSON.parse(bytes.toString("utf8", start, end));
      const [type, id] = message;
      if (type === WELCOME) joined(session);
      else if (type === ABORT) failed(new Error(`not admitted: ${message[2]}`));
      else if (type === RESULT) settle(id).done(message[3]?.[0]);
      else if (type === SUBSCRIBED) settle(id).done(message[2]);
      else if (type === ERROR) settle(message[2]).failed(new Error(`${message[4]}: ${message[5]?.[0] ?? ""}`));
    };
    const roles = { caller: {}, publisher: {}, subscriber: {} };
    const onopen = () => socket.write(textFrame(JSON.stringify([HELLO, "realm1", { roles }])));
    socket = connect(port, "/ws", { protocol: "wamp.2.json", onopen, onmessage });
  });
}
