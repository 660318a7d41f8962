// Casting: the values of a column as another type, by the rules of Arrow's casts.
import { ArgumentError } from "../../errors.js";
import { type ColumnData, type ColumnJob, plainFeature } from "../columns/column-data.js";
import { ValueError, writerFor } from "../columns/column-writer.js";
import { ClassLabel, checkFeatures, type Feature, type Features, featureText, isListFeature, isStructFeature } from "../columns/features.js";
import { Table, tableOf } from "../columns/table.js";

/** How a feature is kept, without class names. */
export function storageText(feature: Feature): string {
  const plain = (f: Feature): Feature => {
    if (f instanceof ClassLabel) return "int64";
    if (isListFeature(f)) return { ...f, sequence: plain(f.sequence) };
    return isStructFeature(f) ? Object.fromEntries(Object.entries(f).map(([name, field]) => [name, plain(field)])) : f;
  };
  return featureText(plain(feature));
}

const isNumeric = (feature: string): boolean => /^(u?int|float)\d+$/.test(feature);

/** A value as the writer of the feature takes it; what has no such form stays, and the writer says so. */
function converted(value: unknown, to: Feature): unknown {
  if (value === null || value === undefined) return null;
  if (to instanceof ClassLabel) return typeof value === "string" && !to.names.includes(value) && /^\d+$/.test(value) ? Number(value) : value;
  if (isListFeature(to)) return Array.isArray(value) ? value.map((item) => converted(item, to.sequence)) : value;
  if (isStructFeature(to)) {
    if (typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, to[name] === undefined ? field : converted(field, to[name])]));
  }
  if (typeof to !== "string") return value;
  if (to === "string" || to === "large_string") return typeof value === "object" && !(value instanceof Date) ? value : textOf(value);
  if (isNumeric(to)) return numberOf(value);
  if (to === "bool")
    return typeof value === "number" ? value !== 0 : value === "true" || value === "1" ? true : value === "false" || value === "0" ? false : value;
  return value;
}
const textOf = (value: unknown): string => (value instanceof Date ? value.toISOString().replace("T", " ").replace("Z", "") : String(value));
function numberOf(value: unknown): unknown {
  if (typeof value === "boolean") return Number(value);
  if (typeof value !== "string" || value.trim() !== value || value === "") return value;
  const number = /^[+-]?(inf|nan)$/i.test(value) ? (/nan/i.test(value) ? Number.NaN : value.startsWith("-") ? -Infinity : Infinity) : Number(value);
  return Number.isNaN(number) && !/nan/i.test(value) ? value : number;
}

export interface CastTarget {
  readonly name: string;
  readonly to: Feature;
  readonly code: string;
  /** What the user is to do about values that do not fit. */
  readonly hint?: string | undefined;
  /** The number in messages of row 0. */
  readonly first?: number;
}

/** Values in rows start..end as a feature. @throws ArgumentError `code` that names row and column */
export function castRows(read: (i: number) => unknown, start: number, end: number, { name, to, code, hint, first = 0 }: CastTarget): ColumnData {
  const writer = writerFor(to);
  for (let i = start; i < end; i++) {
    const value = read(i);
    try {
      writer.push(converted(value, to));
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
      throw new ArgumentError(`row ${first + i}, column ${name} as ${featureText(to)}: ${error.message}`, {
        code,
        cause: error,
        ...(hint === undefined ? {} : { hint }),
      });
    }
  }
  return writer.finish();
}

/** The features after a cast of some columns. @throws ArgumentError ERR_FEATURES, ERR_COLUMN_NOT_FOUND */
export function castFeatures(table: Table, wanted: Features, all: boolean): Features {
  checkFeatures(wanted);
  for (const name of Object.keys(wanted)) table.view(name);
  const missing = [...table.columns.keys()].filter((name) => !Object.hasOwn(wanted, name));
  if (all && missing.length > 0)
    throw new ArgumentError(`cast: features have no ${missing.join(", ")}`, {
      code: "ERR_FEATURES",
      hint: "name all columns, or cast one: castColumn(name, feature)",
    });
  return Object.fromEntries([...table.columns].map(([name, { feature }]) => [name, Object.hasOwn(wanted, name) ? wanted[name]! : feature]));
}

/** The columns whose values are kept in another way after a cast. */
export const recast = (table: Table, features: Features): readonly string[] =>
  [...table.columns].flatMap(([name, { data }]) => (storageText(plainFeature(data)) === storageText(features[name]!) ? [] : [name]));

/** Computes the columns that a cast changes. */
export const castJob =
  (features: Features, names: readonly string[]): ColumnJob =>
  async (data, start, end) => {
    const table = tableOf(data);
    return Object.fromEntries(names.map((name) => [name, castRows(table.reader(name), start, end, { name, to: features[name]!, code: "ERR_CAST" })]));
  };

/** The same values under other features; numbers that are no classes are refused. @throws ArgumentError ERR_CAST */
export function relabelled(table: Table, features: Features): Table {
  const columns = [...table.columns].map(([name, view]) => {
    const feature = features[name]!;
    if (feature instanceof ClassLabel && !(view.feature instanceof ClassLabel && view.feature.names.length <= feature.names.length))
      checkLabels(table, name, feature);
    return [name, { ...view, feature }] as const;
  });
  return new Table(new Map(columns), table.length);
}
function checkLabels(table: Table, name: string, label: ClassLabel): void {
  const read = table.reader(name);
  for (let i = 0; i < table.length; i++) {
    const value = read(i) as number | null;
    if (value !== null && !(value >= -1 && value < label.names.length))
      throw new ArgumentError(`row ${i}, column ${name}: ${value} is no class of ${featureText(label)}`, { code: "ERR_CAST" });
  }
}

/** A column that was replaced keeps its type where the new values are of it. */
export function adopted(data: ColumnData, read: (i: number) => unknown, feature: Feature): ColumnData | undefined {
  if (storageText(plainFeature(data)) === storageText(feature) && !(feature instanceof ClassLabel)) return data;
  const writer = writerFor(feature);
  try {
    for (let i = 0; i < data.length; i++) writer.push(read(i));
  } catch (error) {
    if (error instanceof ValueError || error instanceof ArgumentError) return undefined;
    throw error;
  }
  return writer.finish();
}
