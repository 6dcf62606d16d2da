/**
 * DOM nodes, made from text only: nothing that a service sends is ever parsed as markup.
 */

/**
 * Make an element.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {{[name: string]: string | number | boolean | EventListener}} [attributes] a function is a listener, `true` an empty attribute,
 *   `false` none
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== false) node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/**
 * The element of the page that `selector` names; a page without it is broken.
 *
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {any}
 */
export function find(selector, within = document) {
  const node = within.querySelector(selector);
  if (node === null) throw new Error(`the page has no ${selector}`);
  return node;
}

/** Show `text` in `node`, touching the page only if it is new. @param {Node} node @param {string} text @returns {boolean} whether it was */
export function write(node, text) {
  if (node.textContent === text) return false;
  node.textContent = text;
  return true;
}

/** Show a note in `node`, or hide it. @param {any} node @param {{title: string, text: string} | string | null} note */
export function tell(node, note) {
  node.hidden = !note;
  if (!note) return;
  const { title, text } = typeof note === "string" ? { title: "", text: note } : note;
  if (node.textContent.trim() !== `${title} ${text}`.trim()) node.replaceChildren(...(title ? [element("strong", {}, title), " "] : []), text);
}

/** Mark `node` as changed, for a moment. @param {Element} node */
export function flash(node) {
  node.classList.remove("changed");
  void (/** @type {HTMLElement} */ (node).offsetWidth); // begins the animation anew
  node.classList.add("changed");
}
