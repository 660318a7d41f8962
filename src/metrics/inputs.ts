// What is scored: predictions against references, weighted or not, and what of them does not fit together.
import { inspect } from "node:util";
import { ArgumentError } from "../errors.js";

export interface Labels {
  readonly predictions: readonly number[];
  readonly references: readonly number[];
}
export interface Weighted extends Labels {
  /** One weight per row. */
  readonly sampleWeight?: readonly number[];
}
/** One list of 0 and 1 per row, a place for every label: rows that have several labels. */
export interface RowLabels {
  readonly predictions: readonly (readonly number[])[];
  readonly references: readonly (readonly number[])[];
}
export interface WeightedRows extends RowLabels {
  readonly sampleWeight?: readonly number[];
}
export interface Sides {
  readonly predictions: readonly unknown[];
  readonly references: readonly unknown[];
  readonly sampleWeight?: readonly number[];
}

export const refused = (message: string, hint: string): ArgumentError => new ArgumentError(`metric: ${message}`, { code: "ERR_METRIC_INPUT", hint });

/** @throws ArgumentError ERR_METRIC_INPUT when there are no lists, or when they differ in length or are empty. */
export function checkSides({ predictions, references, sampleWeight }: Sides): void {
  for (const [name, list] of Object.entries({ predictions, references }))
    if (!isRow(list)) throw refused(`${name} are ${list === null ? "null" : typeof list}`, "give { predictions, references }, two lists");
  if (predictions.length !== references.length)
    throw refused(`${predictions.length} predictions and ${references.length} references`, "give one prediction for each reference");
  if (sampleWeight && sampleWeight.length !== references.length)
    throw refused(`${sampleWeight.length} weights for ${references.length} rows`, "give one weight for each row");
  if (predictions.length === 0) throw refused("nothing to score", "add predictions first");
}
/** The same of numbers, or of rows of them. @throws ArgumentError ERR_METRIC_INPUT */
export function checkNumbers(sides: Sides): void {
  checkSides(sides);
  checkValues({ predictions: sides.predictions, references: sides.references }, (value) => typeof value === "number", "numbers, or rows of them");
}
/** The same of labels, which NaN is none of. @throws ArgumentError ERR_METRIC_INPUT */
export function checkLabels(sides: Sides): void {
  checkSides(sides);
  checkValues({ predictions: sides.predictions, references: sides.references }, isLabel, "labels: numbers, or rows of them");
}
export const isLabel = (value: unknown): boolean => typeof value === "number" && !Number.isNaN(value);
/** Every value, also of those in rows. @throws ArgumentError ERR_METRIC_INPUT */
export function checkValues(lists: Readonly<Record<string, readonly unknown[]>>, fits: (value: unknown) => boolean, what: string): void {
  for (const [name, list] of Object.entries(lists))
    list.forEach((value, i) => {
      if (isRow(value) ? Array.prototype.every.call(value, fits) : fits(value)) return;
      throw refused(`row ${i} of ${name} is ${inspect(value, { maxArrayLength: 8 })}`, `give ${what}`);
    });
}
export const isRow = (value: unknown): value is readonly number[] => Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
/** Rows are lists, all of one length. @throws ArgumentError ERR_METRIC_INPUT */
export function checkRows(sides: Readonly<Record<string, readonly unknown[]>>): sides is Readonly<Record<string, readonly (readonly number[])[]>> {
  const lists = Object.entries(sides);
  if (!lists.some(([, list]) => list.some(isRow))) return false;
  const width = (lists[0]![1][0] as readonly number[]).length;
  for (const [name, list] of lists)
    list.forEach((row, i) => {
      if (!isRow(row) || row.length !== width)
        throw refused(
          `row ${i} of ${name} is ${isRow(row) ? `a list of ${row.length}` : typeof row}, others are lists of ${width}`,
          "give lists of one length",
        );
    });
  return true;
}

/** The labels that occur, or those given, in their order. */
export const labelsOf = ({ predictions, references }: Labels, given?: readonly number[]): readonly number[] =>
  given ?? [...new Set([...predictions, ...references])].sort((a, b) => a - b);
export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
/** The mean by weights; plain where these are all 0. */
export function mean(values: readonly number[], weights?: readonly number[]): number {
  const all = weights ? sum(weights) : 0;
  if (!weights || all === 0) return sum(values) / values.length;
  return values.reduce((total, value, i) => total + value * weights[i]!, 0) / all;
}
