/**
 * How long to wait before trying again. The wait doubles up to a limit; half of it is random, so that the many
 * clients of a thing that came back do not all arrive at once.
 */

/** The first wait and the longest one. [ms] */
export const WAITS = Object.freeze({ first: 200, longest: 5_000 });

/**
 * @param {number} attempt 0 for the first repetition
 * @param {() => number} [random] gives numbers in [0, 1)
 * @returns {number} [ms]
 */
export function waitBefore(attempt, random = Math.random) {
  const longest = Math.min(WAITS.longest, WAITS.first * 2 ** Math.min(attempt, 16));
  return longest * (0.5 + random() / 2);
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal] ends the wait early
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
  });
}
