// The order of sorted rows: stable, by several columns, texts by their code points, as Arrow sorts.
import { ArgumentError } from "../../errors.js";
import type { ColumnValue } from "../types.js";
import { featureText } from "../columns/features.js";
import type { Table } from "../columns/table.js";
import { range } from "./rows.js";

export interface SortOptions {
  /** Largest first; one for all columns or one for each. */
  readonly reverse?: boolean | readonly boolean[];
  /** Where rows of null go, and before them those of NaN, whatever the order: default "at_end". "first" and "last" are the same as "at_start" and "at_end". */
  readonly nullPlacement?: "at_start" | "at_end" | "first" | "last";
}

/** By code points, that is by UTF-8 bytes: JavaScript's own order puts characters beyond U+FFFF before U+E000. */
export function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    if (x >= 0xd800 && y >= 0xd800) {
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x - y;
  }
  return a.length - b.length;
}

type Key = string | number | bigint | boolean | Date;
const isKey = (value: ColumnValue): value is Key => value instanceof Date || ["string", "number", "bigint", "boolean"].includes(typeof value);
const compareKeys = (a: Key, b: Key): number => (typeof a === "string" ? compareTexts(a, b as string) : a < b ? -1 : a > b ? 1 : 0);

/** 0 for values, 1 for NaN, 2 for null: those that are not values stand together at one end. */
const rank = (value: ColumnValue): 0 | 1 | 2 => (value === null ? 2 : typeof value === "number" && Number.isNaN(value) ? 1 : 0);

function comparison(table: Table, name: string, reverse: boolean, nullsFirst: boolean): (i: number, j: number) => number {
  const { feature } = table.view(name);
  const read = table.reader(name);
  const values = Array.from({ length: table.length }, (_, i) => {
    const value = read(i);
    if (value === null || isKey(value)) return value;
    throw new ArgumentError(`sort: column ${name} is ${featureText(feature)}`, { code: "ERR_SORT", hint: "sort by columns of numbers, texts, times and bool" });
  });
  const ranks = Uint8Array.from(values, rank);
  const [up, out] = [reverse ? -1 : 1, nullsFirst ? -1 : 1];
  return (i, j) => (ranks[i] === 0 && ranks[j] === 0 ? up * compareKeys(values[i] as Key, values[j] as Key) : out * (ranks[i]! - ranks[j]!));
}

/** @throws ArgumentError ERR_SORT, ERR_COLUMN_NOT_FOUND */
export function sortedRows(table: Table, columns: string | readonly string[], { reverse = false, nullPlacement = "at_end" }: SortOptions): Uint32Array {
  const names = typeof columns === "string" ? [columns] : columns;
  if (names.length === 0) throw new ArgumentError("sort: no column is named", { code: "ERR_SORT" });
  if (typeof reverse !== "boolean" && reverse.length !== names.length)
    throw new ArgumentError(`sort: reverse has ${reverse.length} values for ${names.length} columns`, {
      code: "ERR_SORT",
      hint: "give one boolean, or one for each column",
    });
  if (!["at_start", "at_end", "first", "last"].includes(nullPlacement))
    throw new ArgumentError(`sort: nullPlacement is ${JSON.stringify(nullPlacement)}`, { code: "ERR_SORT", hint: 'give "at_start" or "at_end"' });
  const nullsFirst = nullPlacement === "at_start" || nullPlacement === "first";
  const comparisons = names.map((name, k) => comparison(table, name, typeof reverse === "boolean" ? reverse : reverse[k]!, nullsFirst));
  // Typed arrays sort stably too.
  return range(0, table.length).sort((i, j) => {
    for (const compare of comparisons) {
      const order = compare(i, j);
      if (order !== 0) return order;
    }
    return 0;
  });
}
