/**
 * A storage in one file, for Node.js: what `localStorage` is to a page.
 *
 *     const parameters = new Parameters({ url, service, client: wampy(Wampy, { ws: WebSocket }), storage: fileStorage("parameters.json") });
 *
 * The file is replaced as a whole, so that whoever reads it after a crash finds the old text or the new one, and is for its owner alone.
 */

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";

/** Longest file that is read. [bytes] */
const MOST = 67_108_864;

/**
 * @param {string} path of a file of its own; its directory exists
 * @returns {import("./cache.js").Storage}
 */
export function fileStorage(path) {
  /** @returns {{[key: string]: string}} */
  const read = () => {
    if (statSync(path).size > MOST) throw new RangeError(`${path} is larger than ${MOST} bytes`);
    const texts = JSON.parse(readFileSync(path, "utf8"));
    if (texts === null || typeof texts !== "object" || Array.isArray(texts)) throw new TypeError(`${path} is not a storage`);
    return texts;
  };
  return {
    getItem(key) {
      try {
        const texts = read();
        return Object.hasOwn(texts, key) ? String(texts[key]) : null;
      } catch (error) {
        if (/** @type {any} */ (error).code === "ENOENT") return null;
        throw error;
      }
    },
    setItem(key, text) {
      let texts = {};
      try {
        texts = read();
      } catch (error) {
        const { code } = /** @type {any} */ (error);
        if (code !== undefined && code !== "ENOENT") throw error; // a damaged one is replaced
      }
      replace(path, JSON.stringify({ ...texts, [key]: text }));
    },
  };
}

/** @param {string} path @param {string} text */
function replace(path, text) {
  const fresh = `${path}.${process.pid}.new`;
  const file = openSync(fresh, "w", 0o600);
  try {
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}
