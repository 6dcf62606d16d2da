/**
 * The connection of a page: to the router that serves it, over Wampy.
 */

import { connect, wampy } from "../deltamesh.js";
import { Wampy } from "../node_modules/wampy/dist/esm/wampy.js";
import { find } from "./elements.js";

/** The WebSocket of the router, beside the page. */
export const ROUTER = new URL("/ws", location.href.replace(/^http/, "ws")).href;
/** The realm of the pages. */
export const REALM = "realm1";

/** Connect to a service. @param {string} service */
export function meshOf(service) {
  const mesh = connect({ url: ROUTER, realm: REALM, service, client: wampy(Wampy) });
  addEventListener("pagehide", (event) => event.persisted || mesh.close());
  return mesh;
}

/** @typedef {import("./plain.js").Seen} Seen */

/** @param {import("../deltamesh.js").Live} live @returns {Seen} */
function seen(live) {
  const { entries, status, follower, position, counts } = live;
  const error = /** @type {any} */ (live.error);
  return { entries, status, follower, position, opened: counts.opened > 0, error: error && { uri: error.uri ?? "", message: error.message } };
}

/**
 * Watch a resource and hand on what is known of it, whenever that changes.
 *
 * @param {import("../deltamesh.js").Mesh} mesh
 * @param {string} resource
 * @param {object} params
 * @param {(seen: Seen, changed: any[]) => void} tell
 */
export function follow(mesh, resource, params, tell) {
  const live = mesh.watch(resource, params);
  live.onstatus = () => tell(seen(live), []);
  live.onchange = ({ changed }) => {
    if (live.counts.deltas > 0) beat();
    tell(seen(live), changed);
  };
  return live;
}

/** The mark in the bar shows that a delta came. */
function beat() {
  const brand = find(".brand");
  if (brand.classList.contains("beat")) return;
  brand.classList.add("beat");
  setTimeout(() => brand.classList.remove("beat"), 700);
}
