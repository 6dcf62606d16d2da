/**
 * What a page knows. Parts of it are replaced, never changed; one drawing follows all changes of a frame.
 */

/** @template {object} State */
export class Store {
  #state;
  #draw;
  #due = false;

  /** @param {State} state @param {(state: State) => void} [draw] */
  constructor(state, draw = () => undefined) {
    this.#state = state;
    this.#draw = draw;
  }

  /** @returns {Readonly<State>} */
  get state() {
    return this.#state;
  }

  /** Draw with this from now on. @param {(state: State) => void} draw */
  drawWith(draw) {
    this.#draw = draw;
    this.set({});
  }

  /** @param {Partial<State>} parts */
  set(parts) {
    this.#state = { ...this.#state, ...parts };
    if (this.#due) return;
    this.#due = true;
    // Frames stop in a tab that is not seen, its title and announcements should not.
    (document.hidden ? setTimeout : requestAnimationFrame)(() => {
      this.#due = false;
      this.#draw(this.#state);
    });
  }
}
