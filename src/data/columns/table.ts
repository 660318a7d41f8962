// A table: named columns seen through row indices, so that choosing rows copies no values.
import { ArgumentError } from "../../errors.js";
import { type ColumnData, plainFeature, sharedUint32, type TableData, type ValueReader, valueReader } from "./column-data.js";
import type { Feature } from "./features.js";

export interface ColumnView {
  readonly data: ColumnData;
  /** Row i of the view is row indices[i] of the data; absent when they are the same. */
  readonly indices?: Uint32Array;
  readonly feature: Feature;
}
export const wholeColumn = (data: ColumnData, feature: Feature = plainFeature(data)): ColumnView => ({ data, feature });

export class Table {
  readonly length: number;
  readonly columns: ReadonlyMap<string, ColumnView>;

  constructor(columns: ReadonlyMap<string, ColumnView>, length: number) {
    if (columns.has("__proto__"))
      throw new ArgumentError('a column cannot be called "__proto__": objects, as which rows are read, have no such key', {
        code: "ERR_COLUMN_NAME",
        hint: "rename it in the file, or read the other columns alone",
      });
    this.columns = columns;
    this.length = length;
  }

  /** @throws ArgumentError ERR_COLUMN_NOT_FOUND that lists the columns there are. */
  view(name: string): ColumnView {
    const view = this.columns.get(name);
    if (view) return view;
    throw new ArgumentError(`there is no column ${JSON.stringify(name)}`, {
      code: "ERR_COLUMN_NOT_FOUND",
      hint: `columns are ${[...this.columns.keys()].join(", ") || "none"}`,
    });
  }
  /** Reads the values of one column by row of this table. */
  reader(name: string): ValueReader {
    const { data, indices } = this.view(name);
    const read = valueReader(data);
    return indices ? (i) => read(indices[i]!) : read;
  }

  /** The rows of the given numbers, which must exist. */
  select(rows: Uint32Array): Table {
    // Columns that came through the same indices share the composed ones.
    const composed = new Map<Uint32Array, Uint32Array>();
    const through = (indices: Uint32Array): Uint32Array => {
      let out = composed.get(indices);
      if (!out) {
        out = sharedUint32(rows.length);
        for (let i = 0; i < rows.length; i++) out[i] = indices[rows[i]!]!;
        composed.set(indices, out);
      }
      return out;
    };
    const columns = new Map<string, ColumnView>();
    for (const [name, view] of this.columns) columns.set(name, { ...view, indices: view.indices ? through(view.indices) : rows });
    return new Table(columns, rows.length);
  }

  /** With columns added or, where the name exists, replaced in place. */
  with(added: Iterable<readonly [name: string, view: ColumnView]>): Table {
    return new Table(new Map([...this.columns, ...added]), this.length);
  }
  without(names: readonly string[]): Table {
    for (const name of names) this.view(name);
    return new Table(new Map([...this.columns].filter(([name]) => !names.includes(name))), this.length);
  }
  renamed(from: string, to: string): Table {
    this.view(from);
    if (from !== to && this.columns.has(to))
      throw new ArgumentError(`cannot rename ${from} to ${to}: there is a column ${to}`, {
        code: "ERR_COLUMN_EXISTS",
        hint: `remove it first: removeColumns("${to}")`,
      });
    return new Table(new Map([...this.columns].map(([name, view]) => [name === from ? to : name, view])), this.length);
  }

  /** For threads: the named columns only. */
  data(names: readonly string[] = [...this.columns.keys()]): TableData {
    return {
      length: this.length,
      columns: names.map((name) => {
        const { data, indices } = this.view(name);
        return indices ? { name, data, indices } : { name, data };
      }),
    };
  }
}

/** The table that a thread was sent. */
export function tableOf(data: TableData): Table {
  const columns = new Map<string, ColumnView>();
  for (const { name, data: column, indices } of data.columns) columns.set(name, indices ? { ...wholeColumn(column), indices } : wholeColumn(column));
  return new Table(columns, data.length);
}
