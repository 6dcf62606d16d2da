// A Skip service over HTTP, with the data that is measured from end to end. Prints READY when it listens.
//   node server.mjs STREAMING_PORT CONTROL_PORT N
import { runService } from "@skipruntime/server";
import { hackernews } from "../../data.mjs";
import { countedHackernews } from "./services.mjs";

const [streamingPort, controlPort, n] = process.argv.slice(2).map(Number);
await runService(countedHackernews(hackernews(n, { hot: true })), {
  streaming_port: streamingPort,
  control_port: controlPort,
  platform: "wasm",
});
console.log("READY");
