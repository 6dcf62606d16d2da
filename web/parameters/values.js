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
/** The texts and numbers of JSON. */
const TOKENS = /"(?:[^"\\]+|\\.)*"|-?\d[\d.eE+-]*/g;
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
  if (control === "number") return kind === "number" || kind === "integer" ? (Object.is(value, -0) ? "-0" : String(value)) : "";
  if (control === "boolean") return value === true ? "true" : "false";
  return jsonText(value, kind === "array" && value.every((/** @type {any} */ item) => item === null || typeof item !== "object") ? 0 : 2);
}

/** A value as JSON, and −0 as what it is, which JSON.stringify makes 0. @param {any} value @param {number} indent */
function jsonText(value, indent) {
  const MINUS_ZERO = "\u0000-0";
  const text = JSON.stringify(value, (_, each) => (Object.is(each, -0) ? MINUS_ZERO : each), indent) ?? "null";
  return text.replaceAll(JSON.stringify(MINUS_ZERO), "-0");
}

/** Whether a browser shows all numbers of a value as they are: integers beyond 2^53 have been rounded, for all it knows. @param {any} value @returns {boolean} */
export function isExact(value) {
  if (typeof value === "number") return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  return value === null || typeof value !== "object" || Object.values(value).every(isExact);
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
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return wrong(`This is no JSON: ${/** @type {Error} */ (error).message}.`);
  }
  for (const [token] of text.matchAll(TOKENS)) {
    // An integer beyond 2^53 may be shown as 1e+21, so that no such number is certain to be what the file has.
    const problem = token[0] === '"' ? null : (inexact(token) ?? (isExact(Number(token)) ? null : TOO_LARGE));
    if (problem !== null) return wrong(`${token.slice(0, 40)}: ${problem}`);
  }
  return right(value);
}

const TOO_LARGE = "This page cannot write so large an integer exactly. Change it in the file.";

/** Why a number would not arrive as it is written; null: it does. @param {string} text */
function inexact(text) {
  const value = Number(text);
  if (!Number.isFinite(value)) return "This number is too large.";
  if (/^-?\d+$/.test(text) && !Number.isSafeInteger(value)) return TOO_LARGE;
  if (digitsOf(text) !== digitsOf(String(value))) return "This page would round this number. Change it in the file.";
  return Object.is(value, -0) ? "This page cannot write a zero with a sign. Change it in the file." : null;
}

/** The digits of a number, without zeros before and after them. @param {string} text */
function digitsOf(text) {
  return text.replace(/e.*$/i, "").replace(/[-.]/g, "").replace(/^0+|0+$/g, "");
}

/** @param {string} text */
function readNumber(text) {
  if (!NUMBER.test(text)) return wrong("This is no number. Write it as 5, −0.5 or 1e6, with a point.".replace("−", "-"));
  const problem = inexact(text);
  return problem === null ? right(Number(text)) : wrong(problem);
}

/** @param {any} value */
const right = (value) => ({ value, problem: null });
/** @param {string} problem */
const wrong = (problem) => ({ value: null, problem });
