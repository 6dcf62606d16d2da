/**
 * The connection of an administrator: a second one beside that of the page, for as long as somebody is signed in.
 */

import { connect, wampy } from "../deltamesh.js";
import { Wampy } from "../node_modules/wampy/dist/esm/wampy.js";
import { REALM, ROUTER } from "../page/mesh.js";

/** How long signing in may take. [ms] */
const PATIENCE = 15_000;

/**
 * Sign in. The ticket stays in the memory of this page.
 *
 * @param {string} service
 * @param {string} ticket
 * @returns {Promise<import("../deltamesh.js").Mesh>} rejects if the ticket is not right, or nobody answers
 */
export function signIn(service, ticket) {
  const identity = { authid: "administrator", authmethods: ["ticket"], onChallenge: () => ticket };
  const mesh = connect({ url: ROUTER, realm: REALM, service, client: wampy(Wampy, identity) });
  return new Promise((resolve, reject) => {
    const settle = (/** @type {() => void} */ how) => {
      clearTimeout(timer);
      mesh.onstatus = null;
      how();
    };
    const fail = (/** @type {unknown} */ error) => settle(() => (mesh.close(), reject(error)));
    const timer = setTimeout(() => fail(mesh.error ?? new Error("The router does not answer.")), PATIENCE);
    mesh.onstatus = ({ status, error }) => {
      if (status === "open") settle(() => resolve(mesh));
      else if (error && /** @type {any} */ (error).uri !== "deltamesh.web.lost") fail(error);
    };
  });
}
