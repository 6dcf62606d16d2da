/**
 * What the page shows. It reads models and touches the page; it knows nothing of the mesh.
 */

import { element, find, flash, tell, write } from "../page/elements.js";
import { rows } from "../page/rows.js";

/** @typedef {import("./tree.js").Row} Row */
/** @typedef {import("./difference.js").Line} Line */
/** @typedef {{choose: (name: string) => void, toggle: (path: string) => void, revert: (commit: string, short: string, message: string) => void}} Act */

/** Values of more lines or characters are shown small. */
const LONG = 60;

/** @param {Act} act */
export function view(act) {
  const showTree = rows(find("#tree"), { create: (row) => treeRow(row, act), update: updateTreeRow, news: ({ kind, detail }) => (kind === "group" ? null : detail) });
  const showHolders = rows(find("#holders"), { create: holderRow, update: updateHolder, news: ({ commit }) => commit });
  const showHistory = rows(find("#history"), { create: (each) => commitRow(each, act), update: updateChange, news: ({ id }) => id });
  const showCommits = rows(find("#commits"), { create: (each) => commitRow(each, act), update: updateCommit, news: ({ isGood }) => isGood });
  const showKept = rows(find("#kept-rows"), { create: (each) => keptRow(each, act), update: updateKept, news: ({ value }) => value });
  const showProblems = rows(find("#problem-rows"), { create: problemRow, update: updateProblem });
  let shown = "";
  /** @type {Row[]} */
  let tree = [];
  return {
    /** @param {Row[]} models */
    tree(models) {
      if (models === tree) return;
      const chosen = models.find(({ isChosen }) => isChosen)?.id;
      const isNew = chosen !== undefined && chosen !== tree.find(({ isChosen }) => isChosen)?.id;
      tree = models;
      showTree(models);
      if (isNew) reveal(find("#tree"), chosen);
      reachable(find("#tree"));
    },
    holders: showHolders,
    history: showHistory,
    commits: showCommits,
    /** @param {ReturnType<typeof import("./derive.js").keptModels>} models */
    kept(models) {
      find("#kept").hidden = models.length === 0;
      showKept(models);
    },
    /** @param {ReturnType<typeof import("./derive.js").problemsModel>} model */
    problems(model) {
      find("#problems").hidden = model === null;
      write(find("#problems-title"), model?.title ?? "");
      write(find("#problems-more"), model?.more ?? "");
      showProblems(model?.list ?? []);
    },
    /** @param {{tone: string, text: string}} reader @param {string} place */
    reader({ tone, text }, place) {
      find("#reader").dataset.tone = tone;
      write(find("#reader"), text);
      write(find("#place"), place || "\u00a0");
    },
    /** @param {ReturnType<typeof import("./derive.js").detailModel>} model @param {boolean} isKept */
    detail(model, isKept) {
      find("#detail-body").hidden = model === null;
      find("#detail-note").hidden = model !== null;
      if (model === null) return;
      write(find("#detail-title"), model.name);
      find("#detail-restricted").hidden = !model.isRestricted;
      const value = find("#value");
      const isNews = write(value, model.value);
      if (isNews && shown === model.name) flash(value);
      shown = model.name;
      value.dataset.source = model.source;
      value.toggleAttribute("data-long", model.value.length > LONG || model.value.includes("\n"));
      const source = find("#source");
      source.hidden = !model.isThere;
      source.dataset.source = model.source;
      write(source, model.source);
      write(find("#meaning"), model.meaning);
      write(find("#value-problem"), model.problem ?? "");
      facts(find("#facts"), model.facts);
      const keep = find("#keep");
      write(keep, isKept ? "★" : "☆");
      keep.setAttribute("aria-pressed", String(isKept));
      keep.setAttribute("aria-label", `Keep ${model.name} in sight`);
    },
    /** @param {string} selector @param {{title: string, text: string} | string | null} note */
    note(selector, note) {
      tell(find(selector), note);
    },
    /** @param {{[id: string]: string}} texts by id of the element */
    texts(texts) {
      for (const [id, text] of Object.entries(texts)) write(find(`#${id}`), text);
    },
    /** @param {{state: string, text: string}} state */
    state({ state, text }) {
      find("#state").dataset.state = state;
      write(find("#state"), text);
    },
    /** @param {boolean} isAdministrator @param {boolean} isThere whether there is something to change */
    rights(isAdministrator, isThere) {
      document.documentElement.toggleAttribute("data-administrator", isAdministrator);
      find("#role").hidden = find("#sign-out").hidden = find("#add").hidden = !isAdministrator;
      find("#sign-in-open").hidden = isAdministrator;
      find("#edit").hidden = find("#remove").hidden = !isAdministrator || !isThere;
      for (const button of document.querySelectorAll(".revert")) /** @type {HTMLElement} */ (button).hidden = !isAdministrator;
    },
  };
}

/** @param {Row} row @param {Act} act */
function treeRow({ kind, path }, act) {
  const click = kind === "group" ? () => act.toggle(path) : () => act.choose(path);
  return element(
    "li",
    { role: "treeitem", tabindex: -1, "data-kind": kind, "data-path": path, click },
    element("span", { class: "label" }),
    element("span", { class: "tag restricted" }, "restricted"),
    element("span", { class: "detail-text" }),
  );
}

/** @param {HTMLElement} item @param {Row} row */
function updateTreeRow(item, row) {
  write(find(".label", item), row.label);
  write(find(".detail-text", item), row.detail);
  find(".tag", item).hidden = !row.isRestricted;
  item.setAttribute("aria-level", String(row.level));
  if (row.kind === "group") item.setAttribute("aria-expanded", String(row.isOpen));
  else item.setAttribute("aria-selected", String(row.isChosen));
}

/** One row is reached with the Tab key: the one that was last in focus, else the chosen one, else the first. @param {HTMLElement} tree */
function reachable(tree) {
  const items = /** @type {HTMLElement[]} */ ([...tree.children]);
  const current = items.find((item) => item.tabIndex === 0) ?? items.find((item) => item.ariaSelected === "true") ?? items[0];
  if (current && current.tabIndex !== 0) current.tabIndex = 0;
}

/** Bring a row into sight, within the tree: the page stays where it is. @param {HTMLElement} tree @param {string} id */
function reveal(tree, id) {
  const item = /** @type {HTMLElement | undefined} */ ([...tree.children].find((each) => /** @type {HTMLElement} */ (each).dataset.key === id));
  if (!item) return;
  const top = item.getBoundingClientRect().top - tree.getBoundingClientRect().top;
  if (top < 0 || top + item.offsetHeight > tree.clientHeight) tree.scrollTop += top - tree.clientHeight / 2;
}

/** @param {HTMLElement | undefined | null} item */
export function focusItem(item) {
  if (!item) return;
  for (const each of /** @type {Iterable<HTMLElement>} */ (find("#tree").children)) each.tabIndex = each === item ? 0 : -1;
  item.focus();
}

/** What the arrow keys do in the tree. @param {KeyboardEvent} event @param {Act} act */
export function onTreeKey(event, act) {
  const items = /** @type {HTMLElement[]} */ ([...find("#tree").children]);
  const at = items.indexOf(/** @type {any} */ (event.target));
  const item = items[at];
  if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
  const level = Number(item.ariaLevel);
  const { path = "", kind } = item.dataset;
  const isOpen = item.ariaExpanded === "true";
  const keys = /** @type {{[key: string]: () => void}} */ ({
    ArrowDown: () => focusItem(items[at + 1]),
    ArrowUp: () => (at === 0 ? find("#query").focus() : focusItem(items[at - 1])),
    Home: () => focusItem(items[0]),
    End: () => focusItem(items.at(-1)),
    Enter: () => item.click(),
    " ": () => item.click(),
    ArrowRight: () => (kind === "group" && !isOpen ? act.toggle(path) : kind === "group" && focusItem(items[at + 1])),
    ArrowLeft: () => (isOpen ? act.toggle(path) : focusItem(items.slice(0, at).findLast((each) => Number(each.ariaLevel) < level))),
  });
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
}

/** @param {HTMLElement} list @param {[string, string][]} models */
function facts(list, models) {
  const text = JSON.stringify(models);
  if (list.dataset.shown === text) return;
  list.dataset.shown = text;
  list.replaceChildren(...models.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

/** @typedef {ReturnType<typeof import("./derive.js").censusModel>["holders"][number]} HolderModel */

function holderRow() {
  return element("li", {}, element("b", { class: "client" }), element("span", { class: "at code" }), element("span", { class: "host" }), element("span", { class: "since" }));
}

/** @param {HTMLElement} row @param {HolderModel} holder */
function updateHolder(row, holder) {
  write(find(".client", row), holder.client);
  write(find(".host", row), [holder.kind, holder.host, holder.size].filter(Boolean).join(" · "));
  write(find(".at", row), `${holder.isCurrent ? "" : "behind, "}at ${holder.commit}`);
  write(find(".since", row), holder.since && `began ${holder.since}`);
  row.toggleAttribute("data-current", holder.isCurrent);
}

/** @typedef {{id: number, commit: string | null, short: string, author: string, ago: string, message: string, remark: string}} CommitModel */

/** @param {CommitModel} model @param {Act} act */
function commitRow(model, act) {
  const { commit, short, message } = model;
  const revert = element("button", { class: "revert", type: "button", click: () => commit && act.revert(commit, short, message), "aria-label": `Revert ${short}, ${message}` }, "Revert");
  return element("li", {}, element("p", { class: "message" }), revert, element("p", { class: "about" }));
}

/** @param {HTMLElement} row @param {CommitModel} model */
function updateCommitRow(row, { commit, short, author, ago, message, remark }) {
  write(find(".message", row), message || (commit ? "(no message)" : "Longer ago than is kept"));
  write(find(".about", row), [short, author, ago, remark].filter(Boolean).join(" · "));
  find(".revert", row).disabled = commit === null;
}

/** @param {HTMLElement} row @param {CommitModel & {isGood: boolean}} model */
function updateCommit(row, model) {
  updateCommitRow(row, model);
  row.toggleAttribute("data-good", model.isGood);
}

/** @param {HTMLElement} row @param {CommitModel & {lines: Line[]}} model */
function updateChange(row, model) {
  updateCommitRow(row, model);
  row.querySelector(".difference")?.remove();
  row.append(element("div", { class: "difference" }, difference(model.lines)));
}

/** Lines of a difference. @param {Line[]} lines */
export function difference(lines) {
  const spoken = /** @type {{[sign: string]: string}} */ ({ "+": "added: ", "-": "removed: " });
  const shown = lines.map(({ sign, text }) => element("div", { "data-sign": sign }, ...(spoken[sign] ? [element("span", { class: "heard" }, spoken[sign])] : []), text || " "));
  return element("div", {}, ...shown);
}

/** @typedef {ReturnType<typeof import("./derive.js").keptModels>[number]} KeptModel */

/** @param {KeptModel} model @param {Act} act */
function keptRow({ name }, act) {
  return element("li", {}, element("button", { class: "bare", type: "button", click: () => act.choose(name) }, name), element("span", { class: "code" }), element("span", { class: "tag" }));
}

/** @param {HTMLElement} row @param {KeptModel} model */
function updateKept(row, { value, source, error }) {
  write(find(".code", row), value);
  const tag = find(".tag", row);
  write(tag, error ? "restricted" : source);
  tag.dataset.source = source;
  tag.title = error ?? "";
}

/** @typedef {{id: number, place: string, reason: string}} ProblemModel */

export function problemRow() {
  return element("li", {}, element("span", { class: "code" }), element("span", { class: "reason" }));
}

/** @param {HTMLElement} row @param {ProblemModel} problem */
export function updateProblem(row, { place, reason }) {
  write(find(".code", row), place);
  write(find(".reason", row), reason);
}
