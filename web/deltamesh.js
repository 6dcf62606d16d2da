/**
 * Deltamesh for JavaScript: live collections over any WAMP client, in browsers and in Node.js.
 *
 *     import { connect, wampy } from "./deltamesh.js";
 *     const mesh = connect({ url: "ws://127.0.0.1:8080/ws", realm: "realm1", service: "com.example.hackernews", client: wampy(Wampy) });
 *     const top = await mesh.live("top", { limit: 10 });
 *     top.onchange = ({ entries, changed }) => render(entries, changed);
 *
 * With a connection that is kept by the application (Wampy with `autoReconnect: false`, or Autobahn|JS):
 *
 *     const mesh = connect({ service: "com.example.hackernews" });
 *     connection.onopen = (session) => mesh.use(given(session)); // again after each reconnection
 */

import { Link } from "./deltamesh/link.js";
import { Mesh } from "./deltamesh/mesh.js";
import { given } from "./deltamesh/session.js";

export { compareKeys, keyText, same } from "./deltamesh/entries.js";
export { MeshError } from "./deltamesh/errors.js";
export { Live } from "./deltamesh/live.js";
export { Mesh } from "./deltamesh/mesh.js";
export { Parameter } from "./deltamesh/parameter.js";
export { Parameters, isName } from "./deltamesh/parameters.js";
export { autobahn, given, wampy } from "./deltamesh/session.js";
export { MeshWorker } from "./deltamesh/worker.js";

/**
 * Connect to a service. Returns at once; the connection is kept, and opened again for ever.
 *
 * @param {object} where
 * @param {string} where.service for example "com.example.hackernews"
 * @param {string} [where.url] of the router's WebSocket
 * @param {string} [where.realm]
 * @param {import("./deltamesh/session.js").Client} [where.client] `wampy(Wampy)` or `autobahn(autobahn)`; without one, `session` or `Mesh.use`
 * @param {any} [where.session] a joined session that the application keeps itself
 * @returns {Mesh}
 */
export function connect({ service, url = "", realm = "realm1", client, session }) {
  const link = new Link(client ? () => client({ url, realm }) : null);
  if (session) link.use(given(session));
  return new Mesh(link, service);
}
