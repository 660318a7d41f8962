// Rows of a file collected into tables of some thousand rows, so that no file must fit into memory.
import { ValueError } from "../columns/column-writer.js";
import type { Features } from "../columns/features.js";
import { RowWriter } from "../columns/row-writer.js";
import type { Table } from "../columns/table.js";

/** A table ends at so many rows, or at so many bytes of the file. */
export const TABLE_ROWS = 10_000;
const TABLE_BYTES = 16 << 20;

export type Fault = (message: string, cause?: unknown) => Error;

export interface RowsOptions {
  /** The columns and what they hold; undefined: the values of the rows decide. */
  readonly features: Features | undefined;
  /** The features are the user's: columns must be there, and what is missing has no null. Otherwise they were found by looking, and null stands for nothing. */
  readonly declared: boolean;
}

export class RowTables {
  readonly #options: RowsOptions;
  #writer: RowWriter;
  /** Of the table being made: its first row, the place in the file where it began. */
  #first = 0;
  #start = 0;

  constructor(options: RowsOptions) {
    this.#options = options;
    this.#writer = new RowWriter(options.features);
  }
  get rows(): number {
    return this.#writer.rows;
  }
  push(row: Readonly<Record<string, unknown>>, fault: Fault): void {
    if (this.#options.declared || !this.#options.features) this.#writer.pushFrom(row, fault);
    else {
      try {
        this.#writer.push(row);
      } catch (error) {
        throw error instanceof ValueError ? fault(error.message, error) : error;
      }
    }
  }
  /** Whether a table is worth taking; `byte` is the place in the file. */
  full(byte: number): boolean {
    return this.#writer.rows >= TABLE_ROWS || (byte - this.#start >= TABLE_BYTES && this.#writer.rows > 0);
  }
  /** The rows since the last table. */
  take(byte: number): Table {
    const table = this.#writer.finish();
    this.#first += table.length;
    this.#writer = new RowWriter(this.#options.features, this.#first);
    this.#start = byte;
    return table;
  }
}
