/**
 * A parameter as a program has it: a name with a value that can be read at any time, from memory.
 *
 * @typedef {import("./holding.js").Source} Source
 * @typedef {import("./holding.js").View} View
 */

import { safely } from "./live.js";

/** One parameter, as one place of a program uses it. Made by `Parameters.get`. */
export class Parameter {
  #view;
  #drop;
  /** @type {((parameter: Parameter) => void) | null} */
  #onchange = null;

  /** @param {View} view @param {(parameter: Parameter) => void} drop */
  constructor(view, drop) {
    this.#view = view;
    this.#drop = drop;
  }

  get name() {
    return this.#view.name;
  }

  /**
   * The newest value of the right type that is known here; the default if there is none. Reading it never waits. What the service has said
   * is frozen: all who read it share it.
   *
   * @returns {any}
   */
  get value() {
    return this.#view.value;
  }

  /** Where the value comes from: "default", "cache", "live" or "stale". @returns {Source} */
  get source() {
    return this.#view.source;
  }

  /** The commit that has last changed the value; null: it is the default. */
  get commit() {
    return this.#view.commit;
  }

  /** Why the newest value is not used, without that value; null: it is. */
  get error() {
    return this.#view.error;
  }

  /** Whether this is what the service says now: a live value, or the default because the service has no such parameter. */
  get isCurrent() {
    return this.#view.isCurrent;
  }

  /** Called with this parameter when value, source, commit or error have changed, and soon after it is set. */
  get onchange() {
    return this.#onchange;
  }

  set onchange(handler) {
    this.#onchange = handler;
    queueMicrotask(() => this.#onchange === handler && safely(() => handler?.(this)));
  }

  /** Follow no more. What was read stays readable. */
  close() {
    this.#onchange = null;
    this.#drop(this);
  }
}
