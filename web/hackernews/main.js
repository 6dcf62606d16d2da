/**
 * Hacker News: store, derivation and view, put together.
 */

import { announcer } from "../page/announce.js";
import { find, write } from "../page/elements.js";
import { meshOf } from "../page/mesh.js";
import { sorry, stateOf, trouble } from "../page/plain.js";
import { nameOf, postModels, sentenceFor } from "./derive.js";
import { News } from "./store.js";
import { focused, move, reveal, view } from "./view.js";

/** How often "3 minutes ago" is looked at again. [ms] */
const MINUTE = 60_000;

const store = new News(meshOf("com.example.hackernews"));
const page = view({ vote });
const announce = announcer(find("#heard"));
/** The post that the reader has just made, until it is in the list. @type {number | null} */
let posted = null;

store.drawWith(({ link, top, me, voting }) => {
  page.state(stateOf(top, link));
  page.note(trouble(top, link, "Hacker News") ?? (top.opened && top.entries.length === 0 ? { title: "Nothing has been posted yet.", text: "Be the first." } : null));
  page.posts(postModels(top, voting, Date.now()));
  if (posted !== null && reveal(posted)) posted = null;
  if (me.opened) page.who(nameOf(me));
});
setInterval(() => store.set({}), MINUTE);

/** Vote for a post, or take the vote back. @param {number} id */
async function vote(id) {
  const post = postModels(store.state.top, [], Date.now()).find((each) => each.id === id);
  if (!post) return;
  if (nameOf(store.state.me) === null) {
    write(find("#who-problem"), "Sign in with a name first.");
    return find("#name").focus();
  }
  await attempt("#who-problem", async () => {
    await store.vote(id, !post.upvoted);
    announce(post.upvoted ? `Took back the vote for ${post.title}` : `Upvoted ${post.title}`);
  });
}

/** Do something, and say at `place` what went wrong. @param {string} place @param {() => Promise<void>} work */
async function attempt(place, work) {
  write(find(place), "");
  try {
    await work();
  } catch (error) {
    write(find(place), sentenceFor(error) ?? sorry(error));
  }
}

/** @param {string} selector @param {string} place @param {(form: any) => Promise<void>} work */
function onsubmit(selector, place, work) {
  const form = find(selector);
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    const button = find("button", form);
    button.disabled = true;
    await attempt(place, () => work(form.elements));
    button.disabled = false;
  });
}

onsubmit("#sign-in", "#who-problem", async ({ name }) => {
  await store.signIn(name.value.trim());
  announce(`Signed in as ${name.value.trim()}`);
});
onsubmit("#submit", "#submit-problem", async ({ title, url }) => {
  posted = await store.submit(title.value.trim(), url.value.trim());
  store.set({});
  announce(`Posted ${title.value.trim()}`);
  find("#submit").reset();
});
find("#sign-out").addEventListener("click", () => attempt("#who-problem", () => store.signOut()));

const KEYS = /** @type {{[key: string]: () => void}} */ ({
  j: () => move(1),
  k: () => move(-1),
  u: () => {
    const id = focused();
    if (id !== null) vote(id);
  },
  o: () => document.activeElement?.closest("#posts > li")?.querySelector("a")?.click(),
  n: () => find("#title").focus(),
});

addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
