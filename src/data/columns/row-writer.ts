// Rows or columns collected into a table; errors name row and column.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { InferringWriter } from "./column-infer.js";
import { type ColumnWriter, ValueError, writerFor } from "./column-writer.js";
import { ClassLabel, checkFeatures, type Feature, type Features, featureText } from "./features.js";
import { type ColumnView, Table, wholeColumn } from "./table.js";

/** What stands for nothing in a declared column, whose rows are typed without null: NaN, class -1; other types refuse it. */
function missingAs(name: string, feature: Feature, fault: (message: string) => Error): unknown {
  if (feature === "json") return null;
  if (feature === "float32" || feature === "float64") return Number.NaN;
  if (feature instanceof ClassLabel) return -1;
  throw fault(`column ${name} holds nothing, features say ${featureText(feature)}; declare it "json" to keep null`);
}

/** Collects rows or columns into a table; errors name row and column. */
export class RowWriter {
  readonly #declared: Features | undefined;
  readonly #writers = new Map<string, ColumnWriter>();
  readonly #firstRow: number;
  #rows = 0;

  /** With features only those columns are kept, and every value is checked. `firstRow`: the number of the first row in messages. */
  constructor(features?: Features, firstRow = 0) {
    if (features) checkFeatures(features);
    this.#declared = features;
    this.#firstRow = firstRow;
    for (const [name, feature] of Object.entries(features ?? {})) this.#writers.set(name, writerFor(feature));
  }
  get rows(): number {
    return this.#rows;
  }
  push(row: Readonly<Record<string, unknown>>): void {
    if (typeof row !== "object" || (row as unknown) === null || Array.isArray(row))
      throw new ValueError(`row ${this.#firstRow + this.#rows} is ${inspect(row)}`, "a row is an object of columns, { name: value }");
    if (!this.#declared) for (const name of Object.keys(row)) if (!this.#writers.has(name)) this.#writers.set(name, this.#inferring());
    for (const [name, writer] of this.#writers) this.#push(writer, name, Object.hasOwn(row, name) ? row[name] : null);
    this.#rows++;
  }
  /** A row of a file: values that do not fit, and declared columns that it lacks, become the reader's error. */
  pushFrom(row: Readonly<Record<string, unknown>>, fault: (message: string, cause?: unknown) => Error): void {
    const lacks = this.#declared && Object.keys(this.#declared).find((name) => !Object.hasOwn(row, name));
    if (lacks !== undefined) throw fault(`there is no column ${JSON.stringify(lacks)} (features); columns are ${Object.keys(row).join(", ")}`);
    const filled = this.#declared
      ? Object.fromEntries(Object.entries(this.#declared).map(([name, feature]) => [name, row[name] ?? missingAs(name, feature, fault)]))
      : row;
    try {
      this.push(filled);
    } catch (error) {
      throw error instanceof ValueError ? fault(error.message, error) : error;
    }
  }
  /** A whole column; of a type when the caller knows it. */
  pushColumn(name: string, values: Iterable<unknown>, feature?: Feature): void {
    const writer = this.#declared ? this.#writers.get(name) : feature ? writerFor(feature) : new InferringWriter();
    if (!writer) return;
    this.#writers.set(name, writer);
    for (const value of values) this.#push(writer, name, value);
    this.#rows = Math.max(this.#rows, writer.length);
  }
  #inferring(): ColumnWriter {
    const writer = new InferringWriter();
    for (let i = 0; i < this.#rows; i++) writer.push(null);
    return writer;
  }
  #push(writer: ColumnWriter, name: string, value: unknown): void {
    const row = this.#firstRow + writer.length;
    try {
      writer.push(value);
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
      throw new ValueError(`row ${row}, column ${name}: ${error.message}`);
    }
  }
  finish(): Table {
    const columns = new Map<string, ColumnView>();
    for (const [name, writer] of this.#writers) {
      if (writer.length !== this.#rows)
        throw new ArgumentError(`column ${name} has ${writer.length} rows, another ${this.#rows}`, { code: "ERR_COLUMN_LENGTH" });
      columns.set(name, wholeColumn(writer.finish(), ...(this.#declared?.[name] === undefined ? [] : [this.#declared[name]])));
    }
    return new Table(columns, this.#rows);
  }
}
