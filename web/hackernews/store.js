/**
 * What the page knows: the ranking as this reader sees it, and who the reader is.
 *
 * @typedef {import("../page/plain.js").Seen} Seen
 * @typedef {object} State
 * @property {string} link state of the connection
 * @property {Seen} top
 * @property {Seen} me
 * @property {number[]} voting posts whose vote is under way
 */

import { follow } from "../page/mesh.js";
import { NOTHING_SEEN } from "../page/plain.js";
import { Store } from "../page/store.js";

/** Posts that are shown: enough that a new one, with a single vote, is among them. */
const LIMIT = 100;
const SESSION_KEY = "deltamesh.hackernews.session";

/** The token that stands for this browser: whoever holds it acts under its name. @returns {string} */
function sessionToken() {
  const stored = localStorage.getItem(SESSION_KEY);
  if (stored !== null && /^[A-Za-z0-9_-]{16,64}$/.test(stored)) return stored;
  const token = [...crypto.getRandomValues(new Uint8Array(20))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  localStorage.setItem(SESSION_KEY, token);
  return token;
}

/** @extends {Store<State>} */
export class News extends Store {
  #mesh;
  #session = sessionToken();

  /** @param {import("../deltamesh.js").Mesh} mesh */
  constructor(mesh) {
    super({ link: mesh.status, top: NOTHING_SEEN, me: NOTHING_SEEN, voting: [] });
    this.#mesh = mesh;
    mesh.onstatus = () => this.set({ link: mesh.status });
    follow(mesh, "top", { limit: LIMIT, session: this.#session }, (top) => this.set({ top }));
    follow(mesh, "me", { session: this.#session }, (me) => this.set({ me }));
  }

  /** @param {string} name */
  async signIn(name) {
    await this.#mesh.call("sign_in", { session: this.#session, name });
  }

  async signOut() {
    await this.#mesh.call("sign_out", { session: this.#session });
  }

  /** @param {string} title @param {string} url @returns {Promise<number>} the id of the new post */
  async submit(title, url) {
    const { result } = await this.#mesh.call("submit", { session: this.#session, title, url });
    return result?.post_id;
  }

  /** Vote for a post, or take the vote back. @param {number} id @param {boolean} up */
  async vote(id, up) {
    if (this.state.voting.includes(id)) return;
    this.set({ voting: [...this.state.voting, id] });
    try {
      await this.#mesh.call(up ? "upvote" : "unvote", { session: this.#session, post_id: id });
    } finally {
      this.set({ voting: this.state.voting.filter((each) => each !== id) });
    }
  }
}
