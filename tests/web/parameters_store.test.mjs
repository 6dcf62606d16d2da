import assert from "node:assert/strict";
import { test } from "node:test";
import { Parameters } from "../../web/deltamesh.js";
import { Link } from "../../web/deltamesh/link.js";
import { Mesh } from "../../web/deltamesh/mesh.js";
import { Router } from "./mesh.mjs";
import { StandingClock } from "./parameters.mjs";

/** A page that may keep nothing. */
const PLACE = {
  document: { value: { hidden: true } },
  location: { value: { href: "http://127.0.0.1/parameters/", pathname: "/parameters/" } },
  navigator: { value: { userAgent: "a browser" } },
  localStorage: {
    get() {
      throw new DOMException("not in this page", "SecurityError");
    },
  },
};
for (const [name, property] of Object.entries(PLACE)) Object.defineProperty(globalThis, name, { configurable: true, ...property });
const { ParametersPage } = await import("../../web/parameters/store.js");

/** Resolves when `condition` holds, after as many turns as that takes. */
async function until(condition) {
  for (let turn = 0; turn < 10_000; turn++) {
    if (condition()) return;
    await new Promise(setImmediate);
  }
  assert.fail(`never: ${condition}`);
}

/** The page at a router where nobody answers; an administrator is at one where everything does. */
function setup(t) {
  const [router, other] = [new Router(), new Router()];
  const entries = JSON.stringify([["k.secrets.x", [{ value: "secret" }]]]);
  const open = ([resource]) => ({ topic: `S.live.f.${resource}`, gone: "S.follower.f.on_gone", follower: "f", epoch: "E", revision: 0, from: null, entries });
  other.procedures.set("S.open", [open]);
  const reports = [];
  const parameters = new Parameters({ service: "S", client: () => router.join(), clock: new StandingClock(), report: (message) => reports.push(message) });
  const link = new Link(() => other.join());
  const store = new ParametersPage(parameters, async () => new Mesh(link, "S"));
  t.after(() => (parameters.close(), link.close()));
  return { store, reports };
}

test("what came with a right vanishes with it, also if nobody answers", async (t) => {
  const { store } = setup(t);
  store.choose("k.secrets.x");
  await store.enter("ticket");
  const shown = () => Object.entries(store.state.seen).filter(([, { entries }]) => entries.length > 0).map(([key]) => key).sort();
  await until(() => shown().length === 4);
  assert.deepEqual(shown(), ["census", "history", "state", "tree"]);
  store.leave();
  assert.deepEqual([shown(), store.state.role, store.state.held.value], [[], "browser", null]);
});

test("a page that may keep nothing works without", (t) => {
  const { store, reports } = setup(t);
  store.keep("a.b");
  assert.deepEqual([store.state.kept.map(({ name }) => name), reports], [["a.b"], ["this page may keep nothing"]]);
});
