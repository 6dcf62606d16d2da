/**
 * One slot: a Web Worker, or a thread of Node.js, that computes one unit at a time.
 *
 * In:  {unit}, and {problem} when it was asked for.
 * Out: {need: id of a problem that is not known here}, {routes: evaluated since the last time}, {result}, or {error: {uri, message, facts}}.
 */

import { MeshError } from "../../deltamesh/errors.js";
import { Landscapes, checkedProblem, compute } from "./unit.js";

const landscapes = new Landscapes();
/** The unit that waits for its problem. @type {import("./unit.js").Unit | null} */
let waiting = null;

/**
 * @param {(message: any) => void} post tells the owner
 * @returns {(message: any) => void} hears the owner
 */
const serve = (post) => ({ unit, problem }) => {
  try {
    if (unit) waiting = unit;
    if (waiting === null) throw new Error("a problem came that nobody has asked for");
    if (problem) landscapes.add(checkedProblem(problem, waiting.problem));
    const landscape = landscapes.get(waiting.problem);
    if (!landscape) return post({ need: waiting.problem });
    const asked = waiting;
    waiting = null;
    post({ result: compute(landscape, asked, (routes) => post({ routes })) });
  } catch (error) {
    waiting = null;
    const { uri, message, facts, retry } = error instanceof MeshError ? error : failure(error);
    post({ error: { uri, message, facts: { ...facts, retry } } });
  }
};

/** @param {unknown} error */
function failure(error) {
  return new MeshError("deltamesh.error.computation_failed", `anneal raised ${error}`, { retry: false });
}

if (typeof globalThis.postMessage === "function") {
  const hear = serve((message) => globalThis.postMessage(message));
  globalThis.addEventListener("message", (event) => hear(event.data));
} else {
  const { parentPort } = await import("node:worker_threads");
  parentPort?.on("message", serve((message) => parentPort.postMessage(message)));
}
