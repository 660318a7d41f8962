// What a CSV field means: as a value of a declared column, and which type the fields of a column have in common.
import { ValueError } from "../columns/column-writer.js";
import { parseJson } from "../columns/exact-json.js";
import { ClassLabel, type Feature } from "../columns/features.js";

export type Convert = (field: string) => unknown;
const INTEGER = /^[+-]?(0|[1-9]\d*)$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const SPECIAL: ReadonlyMap<string, number> = new Map([
  ["nan", Number.NaN],
  ["NaN", Number.NaN],
  ["inf", Infinity],
  ["-inf", -Infinity],
]);
const TRUTH: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["True", true],
  ["TRUE", true],
  ["false", false],
  ["False", false],
  ["FALSE", false],
]);

const asText: Convert = (field) => field;
const asInteger: Convert = (field) => {
  if (field === "") return null;
  if (!INTEGER.test(field.trim())) return field;
  const number = Number(field);
  return Number.isSafeInteger(number) ? number : BigInt(field.trim().replace("+", ""));
};
const asNumber: Convert = (field) => (field === "" ? null : NUMBER.test(field.trim()) ? Number(field) : (SPECIAL.get(field) ?? field));
const asBool: Convert = (field) => (field === "" ? null : (TRUTH.get(field) ?? (field === "1" ? true : field === "0" ? false : field)));
const asJson: Convert = (field) => {
  if (field === "") return null;
  try {
    return parseJson(field);
  } catch (error) {
    throw new ValueError(`${JSON.stringify(field.slice(0, 40))} is no JSON (${(error as Error).message})`);
  }
};

/** A field that is no number stays text, and the column's writer refuses it. An empty field is null, in a column of strings the empty string. */
export function converterFor(feature: Feature): Convert {
  if (feature instanceof ClassLabel) return (field) => (field === "" ? null : INTEGER.test(field) ? Number(field) : field);
  if (typeof feature !== "string") return asJson;
  if (/^u?int/.test(feature)) return asInteger;
  if (/^float/.test(feature)) return asNumber;
  if (feature === "bool") return asBool;
  return feature === "json" ? asJson : asText;
}

/** A whole number with more digits than a float64 keeps. */
const isLongInteger = (field: string): boolean => INTEGER.test(field) && !Number.isSafeInteger(Number(field));

const tests: readonly (readonly [type: "int64" | "float64" | "bool", fits: (field: string) => boolean])[] = [
  // A leading zero or more digits than a number holds: an identifier, kept as text.
  ["int64", (field) => INTEGER.test(field) && Number.isSafeInteger(Number(field))],
  ["float64", (field) => SPECIAL.has(field) || (NUMBER.test(field) && !/^[+-]?(0\d|\d{17})/.test(field) && !isLongInteger(field))],
  ["bool", (field) => TRUTH.has(field)],
];

/** The type of an undeclared column: the narrowest that every field fits; empty fields fit any, a column of nothing else is text. */
export class ColumnGuess {
  #left = tests;
  #filled = false;
  see(field: string): void {
    if (field === "") return;
    this.#filled = true;
    if (this.#left.length > 0) this.#left = this.#left.filter(([, fits]) => fits(field));
  }
  get feature(): "int64" | "float64" | "bool" | "string" {
    return this.#filled ? (this.#left[0]?.[0] ?? "string") : "string";
  }
}
