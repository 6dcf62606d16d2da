/**
 * From what the page knows to what it shows. Pure.
 *
 * @typedef {import("../page/plain.js").Seen} Seen
 * @typedef {{id: number, rank: number, title: string, href: string | null, site: string, points: string, author: string, mine: boolean,
 *   upvoted: boolean, voting: boolean, ago: string}} PostModel
 */

const MINUTE = 60_000;
const UNITS = /** @type {const} */ ([["year", 365.25 * 24 * 60 * MINUTE], ["month", 30.44 * 24 * 60 * MINUTE], ["day", 24 * 60 * MINUTE], ["hour", 60 * MINUTE], ["minute", MINUTE]]);

/**
 * An address that may become a link: only http and https, never javascript: and its kind.
 *
 * @param {unknown} address
 * @returns {URL | null}
 */
export function safeLink(address) {
  if (typeof address !== "string" || !URL.canParse(address)) return null;
  const url = new URL(address);
  return url.protocol === "http:" || url.protocol === "https:" ? url : null;
}

/**
 * @param {unknown} at ISO 8601
 * @param {number} now [ms since 1970]
 */
export function agoText(at, now) {
  const then = Date.parse(String(at));
  if (Number.isNaN(then)) return "";
  const unit = UNITS.find(([, length]) => now - then >= length);
  if (!unit) return "just now";
  const count = Math.floor((now - then) / unit[1]);
  return `${count} ${unit[0]}${count === 1 ? "" : "s"} ago`;
}

/** @param {Seen} top @param {number[]} voting @param {number} now @returns {PostModel[]} */
export function postModels(top, voting, now) {
  return top.entries.map(([, [post]], index) => {
    const url = safeLink(post.url);
    return {
      id: post.id,
      rank: index + 1,
      title: post.title,
      href: url?.href ?? null,
      site: url?.hostname.replace(/^www\./, "") ?? "",
      points: `${post.upvotes}`,
      author: post.author ?? "",
      mine: Boolean(post.mine),
      upvoted: Boolean(post.upvoted),
      voting: voting.includes(post.id),
      ago: agoText(post.at, now),
    };
  });
}

/** The name that the reader has signed in with. @param {Seen} me @returns {string | null} */
export function nameOf(me) {
  return me.entries[0]?.[1][0]?.name ?? null;
}

/** Errors of the service, as this page says them. @type {{[name: string]: string}} */
const SENTENCES = {
  name_taken: "Somebody else has this name. Choose another one.",
  not_signed_in: "Sign in with a name first.",
  no_such_post: "This post is gone.",
  full: "The list is full: no more posts or names are taken.",
};

/** @param {any} error @returns {string | null} a sentence, if the error is one of the service's own */
export function sentenceFor(error) {
  const [, name] = /\.error\.(\w+)$/.exec(error?.uri ?? "") ?? [];
  return SENTENCES[name] ?? null;
}
