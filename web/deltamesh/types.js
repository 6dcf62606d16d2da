/**
 * Types of values. Pure.
 *
 * @typedef {"integer" | "number" | "string" | "boolean" | "array" | "object" | ((value: any) => boolean)} Type
 */

/** @type {{[type: string]: (value: any) => boolean}} */
const TYPES = {
  integer: Number.isInteger,
  number: (value) => typeof value === "number",
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  array: Array.isArray,
  object: (value) => value !== null && typeof value === "object" && !Array.isArray(value),
};

/** What kind of JSON value it is. @param {any} value */
export function kindOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

/**
 * The type of a default: what is there of it must be of this type as well. null may become anything.
 *
 * @param {any} fallback @returns {Type | undefined}
 */
export function typeOf(fallback) {
  if (fallback === null || fallback === undefined) return undefined;
  return /** @type {Type} */ (Array.isArray(fallback) ? "array" : typeof fallback);
}

/**
 * Why `value` is not of `type`; null: it is. The value itself is not told: it may be secret.
 *
 * @param {any} value
 * @param {Type | undefined} type
 * @returns {string | null}
 */
export function mismatch(value, type) {
  if (type === undefined) return null;
  if (typeof type !== "function") return TYPES[type](value) ? null : `${type} is expected, this is ${kindOf(value)}`;
  try {
    return type(value) === true ? null : "the value is not accepted";
  } catch (error) {
    return `the value could not be checked: ${/** @type {Error} */ (error)?.name ?? "error"}`;
  }
}

/** Whether `type` is one. @param {unknown} type */
export function isType(type) {
  return type === undefined || typeof type === "function" || (typeof type === "string" && Object.hasOwn(TYPES, type));
}

/**
 * A JSON value that nobody can change: all who read a parameter share it.
 *
 * @template T
 * @param {T} value @returns {T}
 */
export function frozen(value) {
  if (value === null || typeof value !== "object" || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}
