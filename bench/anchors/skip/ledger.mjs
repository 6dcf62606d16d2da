// A Skip service whose one input is empty at first, and shown as it is. Prints READY when it listens.
//   node ledger.mjs STREAMING_PORT CONTROL_PORT
import { runService } from "@skipruntime/server";

class All {
  instantiate(collections) {
    return collections.ledger;
  }
}

const service = {
  initialData: { ledger: [] },
  resources: { all: All },
  createGraph: (inputs) => inputs,
};
const [streamingPort, controlPort] = process.argv.slice(2).map(Number);
await runService(service, { streaming_port: streamingPort, control_port: controlPort, platform: "wasm" });
console.log("READY");
