// Nodes that change rows one by one: map, filter, chosen and renamed columns, declared features.
import { ArgumentError } from "../../errors.js";
import { valueReader } from "../columns/column-data.js";
import { ValueError, writerFor } from "../columns/column-writer.js";
import type { Features } from "../columns/features.js";
import { type Cursor, type CursorState, type StreamNode, type StreamRow, stateFor } from "./cursor.js";
import { InnerNode } from "./inner.js";

/** What becomes of a row; undefined: it is left out. */
export type RowChange = (row: StreamRow, index: number) => StreamRow | undefined | Promise<StreamRow | undefined>;
interface RowState extends CursorState {
  readonly type: "rows";
  readonly source: CursorState;
  /** The number of the next row. */
  readonly index: number;
}

export class RowNode extends InnerNode {
  readonly #change: RowChange;
  readonly #tabular: boolean;
  /** Chosen columns of tables are tables; what a function returned is not. */
  constructor(inner: StreamNode, change: RowChange, tabular = false) {
    super(inner);
    this.#change = change;
    this.#tabular = tabular;
  }
  override get tabular(): boolean {
    return this.#tabular && this.inner.tabular;
  }
  protected over(inner: StreamNode): StreamNode {
    return new RowNode(inner, this.#change, this.#tabular);
  }
  open(state?: CursorState): Cursor {
    return new RowCursor(this.inner, this.#change, stateFor<RowState>("rows", state));
  }
}

class RowCursor implements Cursor {
  readonly #inner: Cursor;
  readonly #change: RowChange;
  #index: number;
  constructor(node: StreamNode, change: RowChange, state: RowState | undefined) {
    this.#inner = node.open(state?.source);
    this.#change = change;
    this.#index = state?.index ?? 0;
  }
  async next(): Promise<StreamRow | undefined> {
    for (;;) {
      const row = await this.#inner.next();
      if (!row) return undefined;
      const changed = this.#change(row, this.#index);
      const out = changed instanceof Promise ? await changed : changed;
      this.#index++;
      if (out) return out;
    }
  }
  state(): RowState {
    return { type: "rows", source: this.#inner.state(), index: this.#index };
  }
  close(): Promise<void> {
    return this.#inner.close();
  }
}

const missing = (name: string, row: StreamRow): ArgumentError =>
  new ArgumentError(`there is no column ${JSON.stringify(name)}`, {
    code: "ERR_COLUMN_NOT_FOUND",
    hint: `columns are ${Object.keys(row).join(", ") || "none"}`,
  });

/** @throws ArgumentError ERR_COLUMN_NOT_FOUND */
export const selecting =
  (names: readonly string[]): RowChange =>
  (row) => {
    const out: StreamRow = {};
    for (const name of names) {
      if (!Object.hasOwn(row, name)) throw missing(name, row);
      out[name] = row[name];
    }
    return out;
  };
/** Exactly these columns; null for what a row lacks. */
export const filling =
  (names: readonly string[]): RowChange =>
  (row) =>
    Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
/** Columns that a row does not have are no error: rows of a stream may differ. */
export const removing =
  (names: readonly string[]): RowChange =>
  (row) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));

/** The renamed columns come last, as in Python. @throws ArgumentError ERR_COLUMN_NOT_FOUND, ERR_COLUMN_EXISTS */
export const renaming =
  (names: ReadonlyMap<string, string>): RowChange =>
  (row) => {
    const out = { ...row };
    for (const from of names.keys()) {
      if (!Object.hasOwn(row, from)) throw missing(from, row);
      delete out[from];
    }
    for (const [from, to] of names) {
      if (Object.hasOwn(out, to))
        throw new ArgumentError(`cannot rename ${from} to ${to}: there is a column ${to}`, { code: "ERR_COLUMN_EXISTS", hint: "remove it first" });
      out[to] = row[from];
    }
    return out;
  };

/** Rows with these columns: what they lack is null, what they have more is left out, values are checked. @throws ArgumentError ERR_COLUMN_VALUE */
export function declaring(features: Features): RowChange {
  return (row, index) => {
    const out: StreamRow = {};
    for (const [name, feature] of Object.entries(features)) {
      const writer = writerFor(feature);
      try {
        writer.push(row[name] ?? null);
      } catch (error) {
        throw error instanceof ArgumentError ? new ValueError(`row ${index} of the stream, column ${name}: ${error.message}`) : error;
      }
      out[name] = valueReader(writer.finish())(0);
    }
    return out;
  };
}
