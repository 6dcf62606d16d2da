// Many SSE clients of a Skip service and the writers, in one process; `bench/end_to_end.mjs` is the same for Deltamesh.
//   node end_to_end.mjs --streaming-port P --control-port C --mode same|own --k 100 --secs 5 --pids 1
import http from "node:http";
import net from "node:net";
import { upvote } from "../../data.mjs";
import { measure } from "../../delivery.mjs";
import { option } from "../../measure.mjs";

const streamingPort = option("streaming-port", 0);
const controlPort = option("control-port", 0);
const mode = option("mode", "same");
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

let received = () => {}; // with the number of updates

/** One request to the control port, made again if the server has just closed a connection that was kept: the body of the response. */
async function request(method, path, body) {
  for (;;) {
    try {
      return await attempt(method, path, body);
    } catch (error) {
      if (error.code !== "ECONNRESET") throw error;
    }
  }
}

function attempt(method, path, body) {
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  return new Promise((done, failed) => {
    const sent = http.request({ host: "127.0.0.1", port: controlPort, path, method, agent, headers }, (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (part) => {
        answer += part;
      });
      response.on("end", () => {
        if (response.statusCode < 300) done(answer);
        else failed(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
      });
    });
    sent.on("error", failed);
    sent.end(text);
  });
}

/** Follow a stream on a plain socket, and count events, which end with an empty line. The first one is the whole content. */
function listen(stream, onevents) {
  const socket = net.connect(streamingPort, "127.0.0.1");
  socket.setNoDelay(true);
  socket.write(`GET /v1/streams/${stream} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n`);
  socket.on("close", () => {
    throw new Error("the server closed a stream");
  });
  return new Promise((shown) => {
    let isBody = false;
    let isShown = false;
    let endsLine = false;
    socket.on("data", (data) => {
      let at = 0;
      if (!isBody) {
        at = data.indexOf("\r\n\r\n");
        if (at < 0) throw new Error("the head of a response came in parts");
        at += 4;
        isBody = true;
      }
      let events = 0;
      if (endsLine && data[at] === 10) events += 1;
      for (let end = data.indexOf("\n\n", at); end >= 0; end = data.indexOf("\n\n", end + 2)) events += 1;
      endsLine = data[data.length - 1] === 10;
      if (events > 0 && !isShown) {
        isShown = true;
        events -= 1;
        shown();
      }
      if (events > 0) onevents(events);
    });
  });
}

await measure({
  numClients: option("k", 100),
  follow: async (number) => {
    const [resource, parameters] = mode === "same" ? ["top", { limit: 25 }] : ["top_for", { limit: 25, reader: number }];
    const stream = await request("POST", `/v1/streams/${resource}`, parameters);
    await listen(stream, (events) => received(events));
  },
  writer: () => (key, post) => request("PATCH", "/v1/inputs/upvotes", [[key, [upvote(post, 2)]]]),
  onreceived: (callback) => {
    received = callback;
  },
});
