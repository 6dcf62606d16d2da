import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Entries, compareKeys } from "../../web/deltamesh/entries.js";
import { readAnswer, readEntries, readEvent } from "../../web/deltamesh/messages.js";
import { Subscriber } from "../../web/deltamesh/subscriber.js";

const { cases, events, answers } = JSON.parse(readFileSync(new URL("../cases/subscriber.json", import.meta.url), "utf8"));

const asText = (entries) => (typeof entries === "string" ? entries : JSON.stringify(entries));
const eventOf = ([epoch, from, to, entries]) => readEvent([epoch, from, to, asText(entries)]);
const answerOf = (answer) => readAnswer({ ...answer, entries: asText(answer.entries) });
/** JSON as it is compared here: 0 and -0 are one number. */
const plain = (value) => JSON.parse(JSON.stringify(value));

const inputs = {
  connected: (subscriber, step) => subscriber.connected(step.source),
  lost: (subscriber) => subscriber.lost(),
  ask: (subscriber, step) => subscriber.ask(step.whole),
  answer: (subscriber, step) => subscriber.answer(step.number, step.source, answerOf(step.answer)),
  receive: (subscriber, step) => subscriber.receive(step.source, eventOf(step.event)),
};

function described(output) {
  if (output.kind !== "ask") return { [output.kind]: output.position };
  return output.pause ? { ask: output.position, pause: true } : { ask: output.position };
}

function show(content, { kind, entries }) {
  const changes = entries.flatMap(readEntries);
  return kind === "replace" ? content.replace(changes) : content.apply(changes);
}

for (const { name, steps, max_deltas: maxDeltas } of cases) {
  test(name, () => {
    const subscriber = new Subscriber({ maxDeltas });
    const content = new Entries();
    let asks = 0;
    steps.forEach((step, index) => {
      const place = `step ${index}`;
      const outputs = inputs[step.do](subscriber, step);
      assert.deepEqual(outputs.map(described), step.expect, place);
      for (const output of outputs) {
        if (output.kind === "ask") {
          asks += 1;
          assert.equal(output.number, asks, place);
        } else if (step.malformed) {
          assert.throws(() => show(content, output), { uri: "deltamesh.error.malformed_message" }, place);
        } else {
          assert.deepEqual(plain(show(content, output)), plain([...step.changed].sort(compareKeys)), place);
        }
      }
      if (step.shows) assert.deepEqual(plain(content.list()), plain(step.shows), place);
    });
  });
}

for (const { event, valid } of events) {
  test(`event ${JSON.stringify(event)} is ${valid ? "valid" : "refused"}`, () => {
    if (valid) assert.equal(readEvent(event).to, event[2]);
    else assert.throws(() => readEvent(event), { uri: "deltamesh.error.malformed_message" });
  });
}

for (const { answer, valid } of answers) {
  test(`answer ${JSON.stringify(answer)} is ${valid ? "valid" : "refused"}`, () => {
    if (valid) assert.equal(readAnswer(answer).revision, answer.revision);
    else assert.throws(() => readAnswer(answer), { uri: "deltamesh.error.malformed_message" });
  });
}
