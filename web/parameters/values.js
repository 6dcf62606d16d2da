/**
 * Values as texts that people read and write. Pure.
 *
 * @typedef {"number" | "text" | "boolean" | "json"} Control what a value is edited with
 */

import { kindOf } from "../deltamesh/types.js";

/** Characters of a value in the tree. */
const SHORT = 80;
/** What a number is, as JSON writes it. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const LONGEST = 65_536;

/** @param {any} value */
export function shortText(value) {
  const text = JSON.stringify(value) ?? "";
  return text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text;
}

/** A value in full, on as many lines as it takes. @param {any} value */
export function longText(value) {
  const kind = kindOf(value);
  if (kind === "string" && value.includes("\n")) return value;
  return kind === "array" || kind === "object" ? JSON.stringify(value, null, 2) : JSON.stringify(value);
}

/** What edits a value like this one. @param {any} value @returns {Control} */
export function controlOf(value) {
  const kind = kindOf(value);
  if (kind === "integer" || kind === "number") return "number";
  if (kind === "string") return "text";
  return kind === "boolean" ? "boolean" : "json";
}

/** What a control shows of a value. @param {Control} control @param {any} value */
export function controlText(control, value) {
  const kind = kindOf(value);
  if (control === "text") return kind === "string" ? value : "";
  if (control === "number") return kind === "number" || kind === "integer" ? String(value) : "";
  if (control === "boolean") return value === true ? "true" : "false";
  return JSON.stringify(value, null, kind === "array" && value.every((/** @type {any} */ item) => item === null || typeof item !== "object") ? 0 : 2) ?? "null";
}

/**
 * Read what a control says.
 *
 * @param {Control} control @param {string} text
 * @returns {{value: any, problem: null} | {value: null, problem: string}}
 */
export function readControl(control, text) {
  if (text.length > LONGEST) return wrong(`A value may have ${LONGEST.toLocaleString("en")} characters.`);
  if (control === "text") return right(text);
  if (control === "boolean") return right(text === "true");
  if (control === "number") return readNumber(text.trim());
  if (text.trim() === "") return wrong("This is empty. An empty text is \"\", nothing at all is null.");
  try {
    return right(JSON.parse(text));
  } catch (error) {
    return wrong(`This is no JSON: ${/** @type {Error} */ (error).message}.`);
  }
}

/** @param {string} text */
function readNumber(text) {
  if (!NUMBER.test(text)) return wrong("This is no number. Write it as 5, −0.5 or 1e6, with a point.".replace("−", "-"));
  const value = Number(text);
  if (!Number.isFinite(value)) return wrong("This number is too large.");
  if (/^-?\d+$/.test(text) && !Number.isSafeInteger(value)) return wrong("This page cannot write so large an integer exactly. Change it in the file.");
  return right(value);
}

/** @param {any} value */
const right = (value) => ({ value, problem: null });
/** @param {string} problem */
const wrong = (problem) => ({ value: null, problem });
