// Formats: what a data set shows of its rows. Plain values, tensors, or what a function of the user's makes of columns.
import { ArgumentError } from "../../errors.js";
import { type DType, dtypes } from "../../graph/dtype.js";
import { fromData } from "../../tensor/index.js";
import { ClassLabel, type Feature, isListFeature } from "../columns/features.js";
import { writeInt64 } from "../columns/int64.js";
import type { Table } from "../columns/table.js";

type AnyRow = Record<string, unknown>;
type AnyColumns = Record<string, unknown[]>;
export type Transform = (columns: AnyColumns) => Readonly<Record<string, ArrayLike<unknown>>>;

export interface Format {
  readonly type: "plain" | "tensor" | "custom";
  /** The columns that are formatted and, without outputAllColumns, shown; absent: all. */
  readonly columns?: readonly string[];
  /** Shows the other columns too, as plain values. */
  readonly outputAllColumns?: boolean;
  readonly transform?: Transform;
}
export const plainFormat: Format = { type: "plain" };

export interface FormatOptions<C extends string = string> {
  readonly columns?: readonly C[];
  readonly outputAllColumns?: boolean;
}

/** @throws ArgumentError ERR_COLUMN_NOT_FOUND, ERR_FORMAT */
export function formatFor(table: Table, type: Format["type"] | undefined, options: FormatOptions = {}, transform?: Transform): Format {
  if (type !== undefined && type !== "plain" && type !== "tensor" && type !== "custom")
    throw new ArgumentError(`there is no format ${JSON.stringify(type)}`, { code: "ERR_FORMAT", hint: 'formats are "tensor" (Python\'s "torch") and "plain"' });
  for (const name of options.columns ?? []) table.view(name);
  return {
    type: type ?? "plain",
    ...(options.columns ? { columns: [...options.columns] } : {}),
    ...(options.outputAllColumns ? { outputAllColumns: true } : {}),
    ...(transform ? { transform } : {}),
  };
}

/** The format for a table that came from another: columns that were not shown stay so, new ones are shown. */
export function carried(format: Format, from: Table, to: Table, renamed: Readonly<Record<string, string>> = {}): Format {
  if (!format.columns) return format;
  const hidden = new Set([...from.columns.keys()].filter((name) => !format.columns!.includes(name)).map((name) => renamed[name] ?? name));
  return { ...format, columns: [...to.columns.keys()].filter((name) => !hidden.has(name)) };
}

/** The names of the columns that rows have. */
const shownColumns = (format: Format, table: Table): readonly string[] =>
  format.columns && !format.outputAllColumns ? format.columns : [...table.columns.keys()];

const isFormatted = (format: Format, name: string): boolean => format.type !== "plain" && (format.columns?.includes(name) ?? true);

/** What a column's numbers become; undefined for columns that hold others. */
function tensorType(feature: Feature): DType | undefined {
  if (feature instanceof ClassLabel) return "int64";
  if (isListFeature(feature)) return tensorType(feature.sequence);
  if (feature === "bool") return "bool";
  if (typeof feature !== "string") return undefined;
  if (/^u?int\d+$/.test(feature)) return "int64";
  return /^float\d+$/.test(feature) ? "float32" : undefined;
}

function flat(value: unknown, out: number[], shape: readonly number[], depth: number): boolean {
  if (depth === shape.length) {
    if (typeof value !== "number" && typeof value !== "boolean") return false;
    out.push(Number(value));
    return true;
  }
  return Array.isArray(value) && value.length === shape[depth] && value.every((item) => flat(item, out, shape, depth + 1));
}

/** A tensor of nested numbers; null, and lists of different lengths or with null among them, stay what they are. */
function tensorOf(value: unknown, type: DType): unknown {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  const numbers: number[] = [];
  if (!flat(value, numbers, shape, 0)) return Array.isArray(value) ? value.map((item) => tensorOf(item, type)) : value;
  const data = new dtypes[type].array(numbers.length);
  if (data instanceof BigInt64Array) writeInt64(data, 0, numbers);
  else (data as Float32Array | Uint8Array).set(numbers);
  return fromData(data as never, shape, type as never);
}

function transformed(format: Format, columns: AnyColumns, rows: number): AnyColumns {
  const result: unknown = format.transform!(columns);
  if (typeof result !== "object" || result === null || "then" in result)
    throw new ArgumentError(`the transform returned ${result === null ? "null" : typeof result === "object" ? "a promise" : typeof result}`, {
      code: "ERR_FORMAT",
      hint: "a transform takes columns and returns columns, at once: { name: [value, ...] }",
    });
  for (const [name, values] of Object.entries(result)) {
    const length = (values as ArrayLike<unknown> | null)?.length;
    if (length !== rows)
      throw new ArgumentError(`the transform returned ${length === undefined ? typeof values : `${length} values`} as column ${name} of ${rows} rows`, {
        code: "ERR_FORMAT",
        hint: "return a list per column with a value for every row",
      });
  }
  return result as AnyColumns;
}

interface ColumnInFormat {
  readonly read: (i: number) => unknown;
  readonly tensor: DType | undefined;
}

/** Reads rows and columns of a table in a format. */
export class FormattedReader {
  readonly #table: Table;
  readonly #format: Format;
  readonly #names: readonly string[];
  readonly #opened = new Map<string, ColumnInFormat>();
  /** The columns of a row, once one was read. */
  #cells: readonly (readonly [name: string, read: (i: number) => unknown])[] | undefined;

  constructor(table: Table, format: Format) {
    this.#table = table;
    this.#format = format;
    this.#names = shownColumns(format, table);
  }
  /** A column is opened when it is read first. */
  #open(name: string): ColumnInFormat {
    let column = this.#opened.get(name);
    if (!column) {
      const tensor = this.#format.type === "tensor" && isFormatted(this.#format, name) ? tensorType(this.#table.view(name).feature) : undefined;
      column = { read: this.#table.reader(name), tensor };
      this.#opened.set(name, column);
    }
    return column;
  }
  row(i: number): AnyRow {
    if (this.#format.transform) return Object.fromEntries(Object.entries(this.#transformed(i, i + 1)).map(([name, values]) => [name, values[0]]));
    this.#cells ??= this.#names.map((name) => {
      const { read, tensor } = this.#open(name);
      return [name, tensor ? (k: number) => tensorOf(read(k), tensor) : read];
    });
    const row: AnyRow = {};
    for (const [name, read] of this.#cells) row[name] = read(i);
    return row;
  }
  #values(name: string, from: number, to: number): unknown[] {
    const { read } = this.#open(name);
    const out: unknown[] = [];
    for (let i = from; i < to; i++) out.push(read(i));
    return out;
  }
  #transformed(from: number, to: number): AnyColumns {
    const [formatted, others]: [AnyColumns, AnyColumns] = [{}, {}];
    for (const name of this.#names) (isFormatted(this.#format, name) ? formatted : others)[name] = this.#values(name, from, to);
    return { ...transformed(this.#format, formatted, to - from), ...others };
  }
  /** Rows from..to by column; tensors of one shape are one. */
  columns(from: number, to: number): Record<string, unknown> {
    if (this.#format.transform) return this.#transformed(from, to);
    const columns: Record<string, unknown> = {};
    for (const name of this.#names) {
      const values = this.#values(name, from, to);
      const { tensor } = this.#open(name);
      columns[name] = tensor ? tensorOf(values, tensor) : values;
    }
    return columns;
  }
  /** All values of a column, each in the format; of a transform what it makes under that name. @throws ArgumentError ERR_COLUMN_NOT_FOUND */
  column(name: string): unknown[] {
    if (this.#format.transform) {
      const columns = this.#transformed(0, this.#table.length);
      if (Object.hasOwn(columns, name)) return [...columns[name]!];
      if (this.#table.columns.has(name) && !this.#names.includes(name)) return this.#values(name, 0, this.#table.length);
      throw new ArgumentError(`the transform makes no column ${JSON.stringify(name)}`, {
        code: "ERR_COLUMN_NOT_FOUND",
        hint: `its columns are ${Object.keys(columns).join(", ")}`,
      });
    }
    const values = this.#values(name, 0, this.#table.length);
    const { tensor } = this.#open(name);
    return tensor ? values.map((value) => tensorOf(value, tensor)) : values;
  }
  /** Every column that is shown, as a list of values in the format. */
  all(): Record<string, unknown[]> {
    if (this.#format.transform) return this.#transformed(0, this.#table.length);
    return Object.fromEntries(this.#names.map((name) => [name, this.column(name)]));
  }
}
