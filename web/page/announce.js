/**
 * What screen readers are told: politely, and at most every few seconds, however fast the data change.
 */

/** The shortest time between two announcements. [ms] */
const APART = 4_000;

/**
 * @param {HTMLElement} region an element with aria-live="polite"
 * @returns {(text: string) => void} announces the text; of several that wait, the last
 */
export function announcer(region) {
  /** @type {string | null} */
  let next = null;
  let busy = false;
  const tell = () => {
    busy = next !== null;
    if (next === null) return;
    region.textContent = next;
    next = null;
    setTimeout(tell, APART);
  };
  return (text) => {
    next = text;
    if (!busy) tell();
  };
}
