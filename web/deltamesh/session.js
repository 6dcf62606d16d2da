/**
 * A WAMP session as this library needs it, made from a session of Wampy or of Autobahn|JS.
 *
 * @typedef {object} Session
 * @property {(uri: string, args: any[], kwargs: {[name: string]: any}, onpart?: (part: any) => void) => Promise<any>} call
 *   gives the first positional result, or the keyword results if there is none; rejects with a `MeshError`.
 *   With `onpart` progressive results are asked for, if this client can receive them.
 * @property {(uri: string, handler: (args: any[]) => void) => Promise<any>} subscribe gives what `unsubscribe` takes
 * @property {(subscription: any) => Promise<void>} unsubscribe
 * @property {Promise<string>} ended the reason, when the session is over; never rejects
 * @property {() => void} close
 *
 * @typedef {(where: {url: string, realm: string}) => Promise<Session>} Client opens one fresh connection and joins the realm
 */

import { MeshError, lost } from "./errors.js";

/**
 * A client made of the class `Wampy` of the package wampy (version 8).
 *
 * Wampy's own reconnection stays off: it gives up after some attempts and does not know positions.
 *
 * @param {any} Wampy
 * @param {object} [options] further options of Wampy: authentication, or in Node.js the class of WebSockets as `ws`
 * @returns {Client}
 */
export function wampy(Wampy, options = {}) {
  return async ({ url, realm }) => {
    const over = signal();
    const peer = new Wampy(url, {
      uriValidation: "loose",
      ...options,
      realm,
      autoReconnect: false,
      onClose: () => over.give("closed"),
    });
    const joined = peer.connect().catch((/** @type {any} */ error) => Promise.reject(wampyError(error)));
    // A socket that closes properly before WELCOME leaves Wampy's promise of connect() pending for ever.
    await Promise.race([joined, over.promise.then((reason) => Promise.reject(lost(reason)))]);
    return wampySession(peer, over.promise);
  };
}

/**
 * @param {any} peer a joined Wampy
 * @param {Promise<string>} [ended] settled when its session is over
 * @returns {Session}
 */
export function wampySession(peer, ended = never()) {
  return {
    ended,
    async call(uri, args, kwargs, onpart) {
      const options = onpart ? { progress_callback: (/** @type {any} */ result) => onpart(firstOf(result.argsList, result.argsDict)) } : {};
      try {
        const result = await peer.call(uri, { argsList: args, argsDict: kwargs }, options);
        return firstOf(result.argsList, result.argsDict);
      } catch (error) {
        throw wampyError(error);
      }
    },
    async subscribe(uri, handler) {
      try {
        const told = (/** @type {any} */ event) => handler(event.argsList ?? []);
        const { subscriptionKey } = await peer.subscribe(uri, told);
        return { subscriptionKey, told };
      } catch (error) {
        throw wampyError(error);
      }
    },
    async unsubscribe({ subscriptionKey, told }) {
      try {
        await peer.unsubscribe(subscriptionKey, told);
      } catch (error) {
        throw wampyError(error);
      }
    },
    close() {
      // Its promise is rejected when the socket breaks before the farewell is answered: closed all the same.
      peer.disconnect().catch(() => undefined);
    },
  };
}

/** @param {any} error @returns {MeshError} */
function wampyError(error) {
  if (error?.errorUri) return new MeshError(error.errorUri, messageOf(error.argsList, error.details?.message), error.argsDict ?? {});
  if (error?.name === "WebsocketError") return lost();
  return new MeshError("deltamesh.web.client", String(error?.message ?? error));
}

/**
 * A client made of the module `autobahn` (the package autobahn, or the global of autobahn-browser).
 *
 * @param {any} autobahn
 * @param {object} [options] further options of its Connection, for example authentication
 * @returns {Client}
 */
export function autobahn(autobahn, options = {}) {
  return ({ url, realm }) =>
    new Promise((resolve, reject) => {
      const over = signal();
      const connection = new autobahn.Connection({ ...options, url, realm, max_retries: 0 });
      connection.onopen = (/** @type {any} */ session) => resolve(autobahnSession(session, over.promise, () => connection.close()));
      connection.onclose = (/** @type {string} */ kind, /** @type {any} */ details) => {
        const reason = details?.message || details?.reason || kind;
        over.give(reason);
        reject(details?.reason ? new MeshError(details.reason, reason, { retry: true }) : lost(reason));
        return true; // no reconnection of its own
      };
      connection.open();
    });
}

/**
 * @param {any} peer a joined session of Autobahn|JS
 * @param {Promise<string>} [ended] settled when it is over
 * @param {() => void} [close]
 * @returns {Session}
 */
export function autobahnSession(peer, ended = never(), close = () => peer.leave()) {
  return {
    ended,
    async call(uri, args, kwargs, onpart) {
      // Progressive results need promises with notification (when.js); with plain ones Autobahn would raise.
      const parts = onpart !== undefined && typeof peer.defer?.().notify === "function";
      const answered = (/** @type {any} */ result) => (isResult(result) ? firstOf(result.args, result.kwargs) : result);
      try {
        const promise = peer.call(uri, args, kwargs, parts ? { receive_progress: true } : {});
        if (parts) promise.then(undefined, () => undefined, (/** @type {any} */ part) => onpart(answered(part)));
        return answered(await promise);
      } catch (error) {
        throw autobahnError(error);
      }
    },
    async subscribe(uri, handler) {
      try {
        return await peer.subscribe(uri, (/** @type {any[]} */ args) => handler(args ?? []));
      } catch (error) {
        throw autobahnError(error);
      }
    },
    async unsubscribe(subscription) {
      try {
        await peer.unsubscribe(subscription);
      } catch (error) {
        throw autobahnError(error);
      }
    },
    close() {
      if (peer.isOpen) close();
    },
  };
}

/** @param {any} error @returns {MeshError} */
function autobahnError(error) {
  if (typeof error === "string") return lost(error); // Autobahn throws strings when the session is not open
  if (error?.error) return new MeshError(error.error, messageOf(error.args), error.kwargs ?? {});
  return new MeshError("deltamesh.web.client", String(error?.message ?? error));
}

/**
 * Wrap a session that the application has opened itself; both kinds are recognised.
 *
 * @param {any} session
 * @param {Promise<string>} [ended]
 * @returns {Session}
 */
export function given(session, ended) {
  return typeof session.getSessionId === "function" ? wampySession(session, ended) : autobahnSession(session, ended);
}

/** Autobahn gives a Result for several positional or any keyword results, else the plain value. @param {any} value */
function isResult(value) {
  return value !== null && typeof value === "object" && Array.isArray(value.args) && "kwargs" in value;
}

/** @param {any[] | undefined} args @param {any} kwargs */
function firstOf(args, kwargs) {
  return args?.length ? args[0] : (kwargs ?? null);
}

/** @param {any[] | undefined} args @param {unknown} [otherwise] */
function messageOf(args, otherwise) {
  return String(args?.[0] ?? otherwise ?? "");
}

/** A promise and what settles it. @returns {{promise: Promise<string>, give: (reason: string) => void}} */
function signal() {
  /** @type {(reason: string) => void} */
  let give = () => undefined;
  /** @type {Promise<string>} */
  const promise = new Promise((resolve) => {
    give = resolve;
  });
  return { promise, give };
}

/** @returns {Promise<string>} */
function never() {
  return new Promise(() => undefined);
}
