/**
 * Parameters: store, derivation and view, put together. The page is a client like any other: what it shows closely, it holds.
 */

import { Parameters, isName, wampy } from "../deltamesh.js";
import { Wampy } from "../node_modules/wampy/dist/esm/wampy.js";
import { announcer } from "../page/announce.js";
import { find, write } from "../page/elements.js";
import { REALM, ROUTER } from "../page/mesh.js";
import { hostOf } from "../page/host.js";
import { sorry, stateOf, trouble } from "../page/plain.js";
import { signIn } from "./administrator.js";
import { censusModel, commitModels, detailModel, entryOf, historyModels, isPublic, keptModels, nameOf, placeText, problemsModel, readerModel, readingOf, seenOf, shortCommit, treeModel } from "./derive.js";
import { begun, changed, requestOf, suggestedMessage, troubleOf } from "./edit.js";
import { editor, showDifference, showTrouble } from "./editor.js";
import { ParametersPage } from "./store.js";
import { focusItem, onTreeKey, view } from "./view.js";

const SERVICE = "com.example.parameters";
/** How often connection and reader are looked at, and how often "3 minutes ago" is. [ms] */
const LOOK = 500;
const MINUTE = 60_000;

const parameters = new Parameters({ url: ROUTER, realm: REALM, service: SERVICE, client: wampy(Wampy), name: "page of parameters", host: hostOf(navigator.userAgent) });
addEventListener("pagehide", (event) => event.persisted || parameters.close());

const store = new ParametersPage(parameters, (ticket) => signIn(SERVICE, ticket));
const announce = announcer(find("#heard"));
const act = { choose, toggle: (/** @type {string} */ path) => store.toggle(path), revert };
const page = view(act);
const form = editor({ change: (parts) => edited(parts), next, refresh, close: () => store.set({ edit: null }) });
/** What was announced of the chosen parameter. */
let told = "";

store.drawWith((state) => {
  const now = Date.now() / 1_000;
  const tree = seenOf(state, "tree");
  page.state(stateOf(tree, state.link));
  page.reader(readerModel(state), placeText(state));
  page.problems(problemsModel(state));

  const { rows, remark, isCut, count } = treeModel(state);
  page.tree(rows);
  page.texts({ "names-remark": tree.opened ? remark : "" });
  page.note("#names-note", trouble(tree, state.link, "parameters") ?? treeNote(tree, count, isCut));
  page.kept(keptModels(state));

  const detail = detailModel(state, now);
  page.detail(detail, state.kept.some(({ name }) => name === state.chosen));
  const census = censusModel(state, now);
  page.holders(census.holders, state.chosen ?? "");
  page.history(historyModels(state, now), state.chosen ?? "");
  page.texts({ "census-remark": census.remark, done: state.done });
  page.note("#census-note", nothing(seenOf(state, "census"), "Nobody holds it at the moment."));
  page.note("#history-note", nothing(seenOf(state, "history"), "Nothing is known of its history."));
  page.commits(commitModels(state, now));
  page.note("#commits-note", nothing(seenOf(state, "commits"), "Nothing has been read yet."));
  page.rights(state.role === "administrator", entryOf(state, state.chosen) !== null);

  form.show(state.edit, warningOf(state));
  showReverting(state);
  tell(detail);
});
setInterval(() => store.look(), LOOK);
setInterval(() => store.set({}), MINUTE);

/** @param {import("../page/plain.js").Seen} tree @param {number} count @param {boolean} isCut */
function treeNote({ opened }, count, isCut) {
  if (!opened) return null;
  if (isCut) return "There is more than is shown here: look for a part of the name.";
  return count === 0 ? (store.state.query ? "No name has this in it." : "There are no parameters yet.") : null;
}

/** @param {import("../page/plain.js").Seen} seen @param {string} text */
function nothing(seen, text) {
  if (seen.status === "closed" && seen.error) return seen.error.message;
  return seen.opened && seen.entries.length === 0 ? text : null;
}

/** Announce what has changed of the chosen parameter. @param {ReturnType<typeof detailModel>} detail */
function tell(detail) {
  const text = detail?.isThere ? `${detail.name} is ${detail.value.slice(0, 200)}, ${detail.source}` : "";
  if (text && told && text !== told) announce(text);
  told = text;
}

/** @param {string} name */
function choose(name) {
  store.choose(name);
  const hash = `#${encodeURIComponent(name)}`;
  if (location.hash !== hash) history.pushState(null, "", hash);
  const detail = find("#detail");
  if (detail.getBoundingClientRect().top > innerHeight / 2) detail.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

/** Show what the address names. */
function recall() {
  let name = "";
  try {
    name = decodeURIComponent(location.hash.slice(1));
  } catch (error) {
    if (!(error instanceof URIError)) throw error; // an address that nobody of ours has made
  }
  told = "";
  store.choose(isName(name) ? name : null);
}

// Changing a parameter

/** @param {import("./edit.js").Edit} edit */
function begin(edit) {
  store.set({ edit, done: "" });
  const reading = readingOf(store.state);
  form.open(edit, Array.isArray(reading?.layers) ? reading.layers.map(String) : [], edit.isNew ? "" : suggested(edit));
}

/** @param {import("./edit.js").Edit} edit */
function suggested(edit) {
  return suggestedMessage(edit, isPublic(store.state, edit.name));
}

function headOf() {
  return readingOf(store.state)?.head ?? null;
}

/** @param {Partial<import("./edit.js").Edit>} parts */
function edited(parts) {
  const { edit } = store.state;
  if (edit) store.set({ edit: changed(edit, parts) });
}

/** Go on from what the repository has now, with what the reader has written. */
function refresh() {
  const { edit } = store.state;
  if (edit) store.set({ edit: { ...changed(edit, { head: headOf(), number: entryOf(store.state, edit.name)?.number ?? null }) } });
}

/** Preview, and then commit. */
async function next() {
  const { edit } = store.state;
  if (!edit || edit.busy) return;
  const { changes, layer, trouble } = requestOf(edit);
  if (trouble) return store.set({ edit: { ...edit, trouble } });
  store.set({ edit: { ...edit, busy: true, trouble: null } });
  const asked = JSON.stringify([changes, layer]);
  /** @param {Partial<import("./edit.js").Edit>} parts what came of it; nothing, if the form says something else now */
  const end = (parts) => {
    if (!store.state.edit) return;
    const { changes, layer } = requestOf(store.state.edit);
    store.set({ edit: { ...store.state.edit, busy: false, ...(JSON.stringify([changes, layer]) === asked && parts) } });
  };
  try {
    if (edit.preview === null) {
      const { diff, files } = await store.repository("preview", [changes, layer]);
      end({ preview: { diff: String(diff), files } });
      if (!form.message) find("#message").value = suggested(edit);
      find("#message").focus();
    } else {
      const { commit } = await store.repository("change", [changes, form.message || suggested(edit), layer, edit.head]);
      store.set({ edit: null, done: `Committed as ${shortCommit(commit)}.` });
      if (edit.isNew) choose(edit.name);
      announce(`${suggested(edit)}: committed`);
    }
  } catch (error) {
    end({ trouble: troubleOf(error) });
  }
}

/** Whether somebody else has changed it since the dialog was opened. @param {import("./store.js").State} state */
function warningOf(state) {
  const { edit } = state;
  if (edit === null || edit.busy || edit.isNew) return null;
  const entry = entryOf(state, edit.name);
  if (entry === null) return "It has been removed meanwhile.";
  return entry.number === edit.number ? null : `${nameOf(entry.author)} has changed it meanwhile. It is now ${JSON.stringify(entry.value).slice(0, 80)}.`;
}

// Reverting a commit

/** @param {string} commit @param {string} short @param {string} message */
function revert(commit, short, message) {
  store.set({ reverting: { commit, diff: null, head: null, trouble: null, busy: true }, done: "" });
  write(find("#reverting-title"), `Revert ${short}`);
  write(find("#reverting-text"), `A new commit takes back all that “${message}” has changed, in other parameters as well.`);
  find("#reverting-message").value = `Revert “${message}”`.slice(0, 500);
  find("#reverting").showModal();
  previewRevert(commit);
}

/** Show what a revert would change, or why it cannot be. @param {string} commit */
async function previewRevert(commit) {
  /** @param {Partial<import("./edit.js").Reverting>} parts */
  const end = (parts) => store.state.reverting?.commit === commit && store.set({ reverting: { ...store.state.reverting, busy: false, ...parts } });
  try {
    const { diff, head } = await store.repository("preview", [null, null, commit]);
    end({ diff: String(diff), head });
  } catch (error) {
    end({ trouble: troubleOf(error) });
  }
}

/** @param {import("./store.js").State} state */
function showReverting({ reverting }) {
  find("#reverting-preview").hidden = !reverting?.diff;
  showDifference(find("#reverting-diff"), reverting?.diff ?? "");
  showTrouble(find("#reverting-trouble"), reverting?.trouble ?? null);
  find("#reverting-submit").disabled = !reverting || reverting.busy || reverting.diff === null;
  if (reverting === null && find("#reverting").open) find("#reverting").close();
}

find("#reverting-form").addEventListener("submit", async (/** @type {Event} */ event) => {
  event.preventDefault();
  const { reverting } = store.state;
  if (!reverting || reverting.busy) return;
  store.set({ reverting: { ...reverting, busy: true, trouble: null } });
  try {
    const { commit } = await store.repository("revert", [reverting.commit, find("#reverting-message").value.trim() || null, reverting.head]);
    store.set({ reverting: null, done: `Reverted by ${shortCommit(commit)}.` });
  } catch (error) {
    if (store.state.reverting) store.set({ reverting: { ...reverting, busy: false, trouble: troubleOf(error) } });
  }
});
find("#reverting").addEventListener("close", () => store.set({ reverting: null }));

// Who looks

find("#sign-in-open").addEventListener("click", () => find("#sign-in").showModal());
find("#sign-out").addEventListener("click", () => {
  store.leave();
  find("#heard").textContent = "";
  announce("Signed out"); // and not what perhaps waits
});
find("#sign-in-form").addEventListener("submit", async (/** @type {Event} */ event) => {
  event.preventDefault();
  const ticket = find("#ticket");
  const place = find("#sign-in-problem");
  const button = find("#sign-in-submit");
  write(place, "");
  button.disabled = true;
  try {
    await store.enter(ticket.value.trim());
    find("#sign-in").close();
  } catch (error) {
    const isRefused = /^wamp\.error\.(not_authorized|authentication|no_auth|no_such_principal|cannot_authenticate)/.test(/** @type {any} */ (error)?.uri ?? "");
    write(place, isRefused ? "The router does not accept this ticket." : sorry(error));
  } finally {
    ticket.value = "";
    button.disabled = false;
  }
});
for (const button of /** @type {Iterable<HTMLElement>} */ (document.querySelectorAll("[data-close]"))) button.addEventListener("click", () => button.closest("dialog")?.close());

// Finding and choosing

const query = find("#query");
query.addEventListener("input", () => store.set({ query: query.value.trim(), toggled: [] }));
query.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
  if (event.key === "ArrowDown") (event.preventDefault(), focusItem(find("#tree").firstElementChild));
  const parameters = find("#tree").querySelectorAll('[data-kind="parameter"]');
  if (event.key === "Enter" && parameters.length > 0) (event.preventDefault(), parameters[0].click());
});
find("#tree").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => onTreeKey(event, act));
addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  query.focus();
});
find("#keep").addEventListener("click", () => store.state.chosen && store.keep(store.state.chosen));
find("#add").addEventListener("click", () => begin(begun(null, headOf())));
find("#edit").addEventListener("click", () => begin(begun(entryOf(store.state, store.state.chosen), headOf())));
find("#remove").addEventListener("click", () => begin({ ...begun(entryOf(store.state, store.state.chosen), headOf()), isRemoval: true }));
addEventListener("hashchange", recall);
addEventListener("popstate", recall);
recall();
