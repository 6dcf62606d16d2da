/** Says every second that it has passed. In a Web Worker of its own, since a page that nobody looks at is woken once a minute only. */

setInterval(() => globalThis.postMessage("tick"), 1_000);
