/**
 * The dialogs of an administrator: they show a change on its way, and say what the reader does to it.
 */

import { element, find, write } from "../page/elements.js";
import { unifiedLines } from "./difference.js";
import { difference, problemRow, updateProblem } from "./view.js";

/** @typedef {import("./edit.js").Edit} Edit */
/** @typedef {import("./edit.js").Trouble} Trouble */
/** @typedef {import("./values.js").Control} Control */
/** @typedef {{change: (parts: Partial<Edit>) => void, next: () => void, refresh: () => void, close: () => void}} Act */

/** What each control is edited in. */
const FIELDS = /** @type {{[control in Control]: string}} */ ({ number: "#edit-number", text: "#edit-text", json: "#edit-text", boolean: "#edit-boolean" });

/** @param {Act} act */
export function editor(act) {
  const dialog = find("#editor");
  find("#editor-form").addEventListener("submit", (/** @type {Event} */ event) => (event.preventDefault(), act.next()));
  find("#refresh").addEventListener("click", act.refresh);
  dialog.addEventListener("close", act.close);
  find("#name").addEventListener("input", (/** @type {any} */ event) => act.change({ name: event.target.value.trim() }));
  find("#layer").addEventListener("change", (/** @type {any} */ event) => act.change({ layer: event.target.value }));
  find("#control").addEventListener("change", (/** @type {any} */ event) => act.change({ control: event.target.value, text: find(FIELDS[/** @type {Control} */ (event.target.value)]).value }));
  for (const selector of new Set(Object.values(FIELDS))) find(selector).addEventListener("input", (/** @type {any} */ event) => act.change({ text: event.target.value }));
  const message = find("#message");

  return {
    /** What the message says. */
    get message() {
      return message.value.trim();
    },
    /** @param {Edit} edit @param {string[]} layers @param {string} suggested message */
    open(edit, layers, suggested) {
      const options = [["", edit.isNew ? "The last one that has its like" : "Where it stands now"], ...layers.map((each) => [each, each])];
      find("#layer").replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
      find("#layer").value = edit.layer;
      find("#control").value = edit.control;
      find("#name").value = edit.name;
      for (const selector of ["#edit-number", "#edit-text"]) find(selector).value = edit.text;
      find("#edit-boolean").value = edit.text === "false" ? "false" : "true";
      find("#edit-text").rows = Math.min(12, Math.max(2, edit.text.split("\n").length));
      message.value = suggested;
      if (!dialog.open) dialog.showModal();
      find(edit.isNew ? "#name" : edit.isRemoval ? "#next" : FIELDS[edit.control]).focus();
    },
    close: () => dialog.close(),
    /** @param {Edit | null} edit @param {string | null} warning what has happened to the parameter meanwhile */
    show(edit, warning) {
      if (edit === null) {
        if (dialog.open) dialog.close();
        for (const selector of ["#edit-number", "#edit-text"]) find(selector).value = ""; // perhaps a secret
        showDifference(find("#diff"), "");
        return;
      }
      const { name, isNew, isRemoval, control, preview, trouble, busy } = edit;
      write(find("#editor-title"), isNew ? "Add a parameter" : `${isRemoval ? "Remove" : "Change"} ${name}`);
      find("#editor-warning").hidden = warning === null;
      write(find("#editor-warning"), warning ?? "");
      find("#name-field").hidden = !isNew;
      find("#control").parentElement.hidden = isRemoval;
      find("#value-field").hidden = isRemoval;
      for (const selector of new Set(Object.values(FIELDS))) find(selector).hidden = FIELDS[control] !== selector;
      const isAtValue = trouble?.kind === "value" || trouble?.kind === "name";
      write(find("#value-trouble"), isAtValue ? trouble.text : "");
      find(FIELDS[control]).setAttribute("aria-invalid", String(trouble?.kind === "value"));
      find("#name").setAttribute("aria-invalid", String(trouble?.kind === "name"));
      showTrouble(find("#editor-trouble"), isAtValue ? null : trouble);
      find("#preview").hidden = preview === null;
      if (preview) showDifference(find("#diff"), preview.diff);
      find("#editor-form").inert = busy && preview !== null; // what is under way is what is shown
      const next = find("#next");
      next.disabled = busy;
      write(next, preview ? (busy ? "Committing" : "Commit") : busy ? "Looking" : "Preview");
      find("#refresh").hidden = trouble?.kind !== "conflict";
    },
  };
}

/** @param {HTMLElement} node @param {string} diff */
export function showDifference(node, diff) {
  showOnce(node, diff, (text) => difference(unifiedLines(text)));
}

/** @param {HTMLElement} node @param {Trouble | null} trouble */
export function showTrouble(node, trouble) {
  showOnce(node, trouble ? JSON.stringify(trouble) : "", () => {
    if (!trouble) return "";
    const list = trouble.list.map((problem) => {
      const row = problemRow();
      updateProblem(row, problem);
      return row;
    });
    return element("div", {}, element("p", {}, trouble.text), ...(list.length > 0 ? [element("ul", {}, ...list)] : []));
  });
}

/** Replace what `node` shows, if it is of another text. @param {HTMLElement} node @param {string} text @param {(text: string) => Node | string} make */
function showOnce(node, text, make) {
  if (node.dataset.shown === text) return;
  node.dataset.shown = text;
  node.replaceChildren(make(text));
}
