/**
 * A WAMP session as this library needs it, made from a session of Wampy or of Autobahn|JS.
 *
 * @typedef {object} Session
 * @property {(uri: string, args: any[], kwargs: {[name: string]: any}, onpart?: (part: any) => void, signal?: AbortSignal) => Promise<any>} call
 *   gives the first positional result, or the keyword results if there is none; rejects with a `MeshError`.
 *   With `onpart` progressive results are asked for, if this client can receive them. When `signal` aborts, the callee is asked to end;
 *   its answer is still waited for.
 * @property {(uri: string, handler: (args: any[], kwargs: {[name: string]: any}) => void) => Promise<any>} subscribe gives what `unsubscribe` takes
 * @property {(subscription: any) => Promise<void>} unsubscribe
 * @property {(uri: string, handler: Handler, options?: RegisterOptions) => Promise<any>} register gives what `unregister` takes
 * @property {(registration: any) => Promise<void>} unregister no new calls come in; those under way are answered
 * @property {(uri: string, args: any[], kwargs: {[name: string]: any}) => Promise<void>} publish rejects if the router refuses
 * @property {Promise<string>} ended the reason, when the session is over; never rejects
 * @property {() => void} close
 *
 * @typedef {(args: any[], kwargs: {[name: string]: any}) => Promise<any>} Handler answers a call; a `MeshError` that it rejects with
 *   travels to the caller as it is, anything else as `wamp.error.runtime_error`
 * @typedef {object} RegisterOptions
 * @property {number} [concurrency] calls that may be under way here at the same time; more wait at the router. A Wampy that the application has
 *   opened itself cannot say it: there the rule of the router decides (`concurrency` in router.toml)
 * @property {"single" | "roundrobin" | "random" | "first" | "last"} [invoke] how several callees of one procedure share its calls
 *
 * @typedef {(where: {url: string, realm: string}) => Promise<Session>} Client opens one fresh connection and joins the realm
 */

import { MeshError, lost } from "./errors.js";

/** What Wampy calls a serializer. */
const JSON_TEXT = { protocol: "json", isBinary: false, encode: JSON.stringify, decode: JSON.parse };
const REGISTER = 64;

/**
 * Wampy sends no options of REGISTER but those that it knows and those that begin with "_", and the maximum concurrency is neither. It is
 * given as the option `_concurrency`, and gets its proper name when the message is encoded.
 *
 * @param {any} serializer
 */
function knowsConcurrency(serializer) {
  const encode = (/** @type {any} */ message) => {
    if (message[0] !== REGISTER || message[2]._concurrency === undefined) return serializer.encode(message);
    const { _concurrency: concurrency, ...others } = message[2];
    return serializer.encode([...message.slice(0, 2), { ...others, concurrency }, ...message.slice(3)]);
  };
  return { protocol: serializer.protocol, isBinary: serializer.isBinary, encode, decode: (/** @type {any} */ data) => serializer.decode(data) };
}

/**
 * A client made of the class `Wampy` of the package wampy (version 8).
 *
 * Wampy's own reconnection stays off: it gives up after some attempts and does not know positions.
 *
 * @param {any} Wampy
 * @param {object} [options] further options of Wampy: authentication, or the class of WebSockets as `ws`; Node.js 20 has none of its own
 * @returns {Client}
 * @throws {TypeError} there is no class of WebSockets, so it would never connect
 */
export function wampy(Wampy, options = {}) {
  // Without one, connect() would fail each time, and that would be tried again for ever. In Node.js Wampy leaves the global one alone.
  const ws = /** @type {any} */ (options).ws ?? globalThis.WebSocket;
  if (!ws) throw new TypeError("there is no WebSocket here: give the class of the package ws, as in wampy(Wampy, { ws: WebSocket })");
  return async ({ url, realm }) => {
    const over = signal();
    const peer = new Wampy(url, {
      uriValidation: "loose",
      ...options,
      ws,
      serializer: knowsConcurrency(/** @type {any} */ (options).serializer ?? JSON_TEXT),
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
    async call(uri, args, kwargs, onpart, signal) {
      const options = onpart ? { progress_callback: (/** @type {any} */ result) => onpart(firstOf(result.argsList, result.argsDict)) } : {};
      try {
        const answer = peer.call(uri, { argsList: args, argsDict: kwargs }, options);
        const { reqId } = peer.getOpStatus(); // of the call that has just been sent
        const result = await cancellable(answer, () => peer.cancel(reqId, { mode: "kill" }), signal);
        return firstOf(result.argsList, result.argsDict);
      } catch (error) {
        throw wampyError(error);
      }
    },
    async subscribe(uri, handler) {
      try {
        const told = (/** @type {any} */ event) => handler(event.argsList ?? [], event.argsDict ?? {});
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
    async register(uri, handler, { concurrency, invoke } = {}) {
      const answer = async (/** @type {any} */ call) => {
        try {
          return { argsList: [await handler(call.argsList ?? [], call.argsDict ?? {})] };
        } catch (error) {
          const { uri, message, kwargs } = refusal(error);
          throw { error: uri, argsList: [message], argsDict: kwargs };
        }
      };
      try {
        await peer.register(uri, answer, { ...(invoke && { invoke }), ...(concurrency && { _concurrency: concurrency }) });
        return uri;
      } catch (error) {
        throw wampyError(error);
      }
    },
    async unregister(uri) {
      try {
        await peer.unregister(uri);
      } catch (error) {
        throw wampyError(error);
      }
    },
    async publish(uri, args, kwargs) {
      try {
        await peer.publish(uri, { argsList: args, argsDict: kwargs });
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
      connection.onopen = (/** @type {any} */ session) => resolve(autobahnSession(session, over.promise, () => connection.close(), autobahn.Error));
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
 * @param {any} [Failure] its class `Error`; without it errors of handlers travel as `wamp.error.runtime_error`
 * @returns {Session}
 */
export function autobahnSession(peer, ended = never(), close = () => peer.leave(), Failure = null) {
  return {
    ended,
    async call(uri, args, kwargs, onpart, signal) {
      // Progressive results need promises with notification (when.js); with plain ones Autobahn would raise.
      const parts = onpart !== undefined && typeof peer.defer?.().notify === "function";
      const answered = (/** @type {any} */ result) => (isResult(result) ? firstOf(result.args, result.kwargs) : result);
      try {
        const promise = peer.call(uri, args, kwargs, parts ? { receive_progress: true } : {});
        if (parts) promise.then(undefined, () => undefined, (/** @type {any} */ part) => onpart(answered(part)));
        return answered(await cancellable(promise, () => promise.cancel({ mode: "kill" }), signal));
      } catch (error) {
        throw autobahnError(error);
      }
    },
    async subscribe(uri, handler) {
      try {
        return await peer.subscribe(uri, (/** @type {any[]} */ args, /** @type {any} */ kwargs) => handler(args ?? [], kwargs ?? {}));
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
    async register(uri, handler, { concurrency, invoke } = {}) {
      const answer = async (/** @type {any[]} */ args, /** @type {any} */ kwargs) => {
        try {
          return await handler(args ?? [], kwargs ?? {});
        } catch (error) {
          const { uri, message, kwargs } = refusal(error);
          throw Failure ? new Failure(uri, [message], kwargs) : message;
        }
      };
      try {
        return await peer.register(uri, answer, { ...(invoke && { invoke }), ...(concurrency && { concurrency }) });
      } catch (error) {
        throw autobahnError(error);
      }
    },
    async unregister(registration) {
      try {
        await peer.unregister(registration);
      } catch (error) {
        throw autobahnError(error);
      }
    },
    async publish(uri, args, kwargs) {
      try {
        await peer.publish(uri, args, kwargs, { acknowledge: true });
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

/**
 * @template T
 * @param {PromiseLike<T>} answer
 * @param {() => void} cancel asks the callee to end
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>} the answer, or why it could not be cancelled
 */
async function cancellable(answer, cancel, signal) {
  if (!signal) return answer;
  /** @type {(error: unknown) => void} */
  let fail = () => undefined;
  const failed = new Promise((_, reject) => {
    fail = reject;
  });
  const abort = () => {
    try {
      cancel();
    } catch (error) {
      fail(error);
    }
  };
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([answer, /** @type {Promise<never>} */ (failed)]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** What a caller is told of an error of a handler. @param {unknown} error */
function refusal(error) {
  if (!(error instanceof MeshError)) return { uri: "wamp.error.runtime_error", message: String(error), kwargs: { retry: false } };
  return { uri: error.uri, message: error.message, kwargs: { ...error.facts, retry: error.retry } };
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
