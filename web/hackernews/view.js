/**
 * What the page shows. It reads models and touches the page; it knows nothing of the mesh.
 */

import { element, find, write } from "../page/elements.js";
import { rows } from "../page/rows.js";

/** @typedef {import("./derive.js").PostModel} PostModel */

/** @param {{vote: (id: number) => void}} act */
export function view(act) {
  const showPosts = rows(find("#posts"), {
    create: (post) => postRow(post, act),
    update: updatePost,
    news: ({ title, points, upvoted }) => [title, points, upvoted],
  });
  return {
    /** @param {PostModel[]} posts */
    posts(posts) {
      showPosts(posts);
      reachable(find("#posts"));
    },
    /** @param {string | null} name */
    who(name) {
      find("#sign-in").hidden = name !== null;
      find("#signed-in").hidden = name === null;
      write(find("#me"), name ?? "");
    },
    /** @param {{title: string, text: string} | null} note */
    note(note) {
      const node = find("#note");
      node.hidden = note === null;
      if (note && node.textContent !== `${note.title} ${note.text}`) node.replaceChildren(element("strong", {}, note.title), ` ${note.text}`);
    },
    /** @param {{state: string, text: string}} state */
    state({ state, text }) {
      find("#state").dataset.state = state;
      write(find("#state"), text);
    },
  };
}

/** @param {PostModel} post @param {{vote: (id: number) => void}} act */
function postRow({ id }, act) {
  const arrow = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  arrow.setAttribute("viewBox", "0 0 16 14");
  arrow.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M8 1.5 14.8 12.8H1.2z");
  arrow.append(path);
  return element(
    "li",
    { tabindex: -1 },
    element("span", { class: "rank" }),
    element("button", { class: "vote bare", type: "button", click: () => act.vote(id) }, arrow, element("span", { class: "points" })),
    element("div", { class: "words" }, element("p", { class: "headline" }), element("p", { class: "about quiet" })),
  );
}

/** @param {HTMLElement} row @param {PostModel} post */
function updatePost(row, post) {
  write(find(".rank", row), `${post.rank}`);
  write(find(".points", row), post.points);
  const vote = find(".vote", row);
  vote.setAttribute("aria-pressed", String(post.upvoted));
  vote.setAttribute("aria-label", `Upvote “${post.title}”, ${post.points} points`);
  vote.toggleAttribute("data-busy", post.voting);
  const headline = find(".headline", row);
  const link = headline.querySelector("a");
  if ((link?.getAttribute("href") ?? null) !== post.href || headline.dataset.title !== post.title) {
    headline.dataset.title = post.title;
    headline.replaceChildren(post.href ? element("a", { href: post.href, rel: "noopener noreferrer nofollow ugc" }, post.title) : post.title);
  }
  write(find(".about", row), [post.site, post.mine ? "by you" : `by ${post.author}`, post.ago].filter(Boolean).join(" · "));
  row.toggleAttribute("data-mine", post.mine);
}

/** One row is reached with the Tab key: the one that was last in focus, else the first. @param {HTMLElement} list */
function reachable(list) {
  const rows = /** @type {HTMLElement[]} */ ([...list.children]);
  const current = rows.find((row) => row.tabIndex === 0) ?? rows[0];
  if (current && current.tabIndex !== 0) current.tabIndex = 0;
}

/** Bring a post into sight. @param {number} id @returns {boolean} whether it is there */
export function reveal(id) {
  const row = document.querySelector(`#posts > li[data-key="${id}"]`);
  row?.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  return row !== null;
}

/** Move the focus by `step` rows. @param {number} step */
export function move(step) {
  const list = find("#posts");
  const rows = /** @type {HTMLElement[]} */ ([...list.children]);
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at === -1 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1)];
  if (!next) return;
  for (const row of rows) row.tabIndex = row === next ? 0 : -1;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

/** The id of the post in focus. @returns {number | null} */
export function focused() {
  const row = /** @type {HTMLElement | null} */ (document.activeElement?.closest("#posts > li") ?? null);
  return row ? Number(row.dataset.key) : null;
}
