// Where results go, in order: into memory, or from a size on, and for a cache at once, into an Arrow file.
import { ArgumentError } from "../../errors.js";
import { type ColumnData, plainFeature, valueReader } from "../columns/column-data.js";
import { concatColumns } from "../columns/column-infer.js";
import { checkFeatures, type Feature, type Features, featureText } from "../columns/features.js";
import { type ColumnView, Table, wholeColumn } from "../columns/table.js";
import type { ArrowWriter } from "../arrow/index.js";
import { adopted, type CastTarget, castRows, storageText } from "./cast.js";
import { only } from "./columns.js";
import type { JobResult } from "./jobs.js";
import { range } from "./rows.js";
import { temporaryFile } from "./temporary.js";

export interface SinkOptions {
  readonly verb: string;
  readonly removed: readonly string[];
  /** Of all columns of the result. */
  readonly features?: Features;
  /** The result is this Arrow file. */
  readonly file?: string;
  /** Stays in memory whatever its size. */
  readonly keepInMemory: boolean;
  readonly fingerprint: string;
  readonly batchRows?: number;
  readonly signal?: AbortSignal;
  /** Bytes of results that wait until their types are decided for good, and that stay in memory when no file is asked for. */
  readonly limits?: { readonly waiting: number; readonly memory: number };
}

const usualLimits = { waiting: 16 * 2 ** 20, memory: 256 * 2 ** 20 };

interface Part {
  readonly columns: Readonly<Record<string, ColumnData>>;
  readonly start: number;
  readonly end: number;
  readonly rows: number;
}

/** Memory that a column holds. */
function sizeOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, part) => sum + sizeOf(part), 0);
}

/** Takes the results of ranges of a table's rows, one after the other. */
export class ResultSink implements AsyncDisposable {
  readonly #source: Table;
  readonly #options: SinkOptions;
  #parts: Part[] = [];
  #bytes = 0;
  /** Rows in the file. */
  #written = 0;
  #nothing: boolean | undefined;
  #names: readonly string[] = [];
  #kept: Table;
  #writer: ArrowWriter | undefined;
  #file: string | undefined;
  #features: Features | undefined;

  constructor(source: Table, options: SinkOptions) {
    this.#source = source;
    this.#options = options;
    this.#kept = source.without(options.removed);
    if (options.features) checkFeatures(options.features);
  }
  #fault(message: string, hint: string): ArgumentError {
    return new ArgumentError(`${this.#options.verb}: ${message}`, { code: "ERR_MAP_RESULT", hint });
  }

  /** What was computed of rows start..end. @throws ArgumentError ERR_MAP_RESULT */
  async push(columns: JobResult, start: number, end: number): Promise<void> {
    if (this.#nothing !== undefined && this.#nothing !== (columns === undefined))
      throw this.#fault(
        `the function returned ${columns ? "columns" : "nothing"} for rows ${start} to ${end - 1}, ${columns ? "nothing" : "columns"} for those before`,
        "return an object of columns for every row, or none for any",
      );
    this.#nothing = columns === undefined;
    if (!columns) return;
    const part = { columns, start, end, rows: this.#rowsOf(columns, start, end) };
    if (this.#writer) return this.#write(this.#table([part]));
    this.#parts.push(part);
    this.#bytes += sizeOf(columns);
    const { waiting, memory } = this.#options.limits ?? usualLimits;
    if (!this.#options.keepInMemory && this.#bytes > (this.#options.file ? waiting : memory)) await this.#open();
  }
  #rowsOf(columns: Readonly<Record<string, ColumnData>>, start: number, end: number): number {
    const names = Object.keys(columns);
    if (this.#parts.length === 0 && !this.#writer) {
      this.#names = names;
      this.#kept = only(
        this.#kept,
        [...this.#kept.columns.keys()].filter((name) => !names.includes(name)),
      );
    }
    const odd = [...names, ...this.#names].find((name) => !this.#names.includes(name) || !Object.hasOwn(columns, name));
    if (odd !== undefined) throw this.#fault(`the function returned column ${odd} for some batches only`, "return the same columns for every row");
    const [first] = names;
    const rows = first === undefined ? end - start : columns[first]!.length;
    const other = names.find((name) => columns[name]!.length !== rows);
    if (other !== undefined)
      throw this.#fault(
        `rows ${start} to ${end - 1}: column ${other} has ${columns[other]!.length} rows, column ${first} ${rows}`,
        "return lists of one length for all columns",
      );
    if (rows !== end - start && this.#kept.columns.size > 0)
      throw this.#fault(
        `rows ${start} to ${end - 1}: column ${first} has ${rows} rows, the batch ${end - start}`,
        `another number of rows is possible when every column is replaced or removed (removeColumns); ${[...this.#kept.columns.keys()].join(", ")} would stay`,
      );
    return rows;
  }

  /** The columns of the result that parts make, in the result's order, without names of types yet. */
  #assembled(parts: readonly Part[]): { readonly data: ReadonlyMap<string, ColumnData>; readonly rows: number } {
    const data = new Map<string, ColumnData>();
    for (const name of this.#names) {
      try {
        data.set(name, concatColumns(parts.map((part) => part.columns[name]!)));
      } catch (error) {
        throw error instanceof ArgumentError
          ? new ArgumentError(`${this.#options.verb}: column ${name}: ${error.message}`, { code: "ERR_MAP_RESULT", cause: error })
          : error;
      }
    }
    return { data, rows: parts.reduce((sum, part) => sum + part.rows, 0) };
  }
  /** What the user said, what the column was before, or what the values are. */
  #typed(name: string, data: ColumnData): ColumnView {
    const declared = this.#options.features?.[name];
    if (declared !== undefined) return this.#as(name, data, declared);
    if (this.#features) return this.#as(name, data, this.#features[name]!, "the first rows decided the type: give features");
    const before = this.#options.removed.includes(name) ? undefined : this.#source.columns.get(name)?.feature;
    const kept = before === undefined ? undefined : adopted(data, valueReader(data), before);
    return kept ? wholeColumn(kept, before) : wholeColumn(data);
  }
  #as(name: string, data: ColumnData, feature: Feature, hint?: string): ColumnView {
    const same = storageText(plainFeature(data)) === storageText(feature) && !featureText(feature).includes("ClassLabel");
    return wholeColumn(same ? data : castRows(valueReader(data), 0, data.length, this.#target(name, feature, hint)), feature);
  }
  #target(name: string, to: Feature, hint?: string): CastTarget {
    return { name, to, code: "ERR_MAP_RESULT", hint, first: this.#written };
  }
  /** Columns that are kept stay views; those whose type is declared anew are cast. */
  #table(parts: readonly Part[]): Table {
    const { data, rows } = this.#assembled(parts);
    const [first, last] = [parts[0], parts.at(-1)];
    const all = first?.start === 0 && last?.end === this.#source.length;
    const own = all || this.#kept.columns.size === 0 ? this.#kept : this.#kept.select(range(first?.start ?? 0, last?.end ?? 0));
    const columns = new Map<string, ColumnView>();
    // A column that is replaced stays in its place.
    for (const name of this.#source.without(this.#options.removed).columns.keys()) {
      const view = own.columns.get(name);
      if (view) columns.set(name, this.#redeclared(own, name, view));
      else columns.set(name, this.#typed(name, data.get(name)!));
    }
    for (const [name, column] of data) if (!columns.has(name)) columns.set(name, this.#typed(name, column));
    const table = new Table(columns, rows);
    this.#checkDeclared(table);
    return table;
  }
  #redeclared(own: Table, name: string, view: ColumnView): ColumnView {
    const feature = this.#options.features?.[name];
    if (feature === undefined || feature === view.feature) return view;
    return storageText(feature) === storageText(view.feature)
      ? { ...view, feature }
      : wholeColumn(castRows(own.reader(name), 0, own.length, this.#target(name, feature)), feature);
  }
  #checkDeclared(table: Table): void {
    const { features } = this.#options;
    if (!features) return;
    const odd = [...table.columns.keys()].find((name) => !Object.hasOwn(features, name)) ?? Object.keys(features).find((name) => !table.columns.has(name));
    if (odd !== undefined)
      throw new ArgumentError(
        `${this.#options.verb}: features ${Object.hasOwn(features, odd) ? `have a column ${odd} that the result lacks` : `lack column ${odd} of the result`}`,
        {
          code: "ERR_FEATURES",
          hint: "give the features of all columns of the result, those that are kept too",
        },
      );
  }

  async #open(): Promise<void> {
    const { file, fingerprint, batchRows, signal } = this.#options;
    const table = this.#table(this.#parts);
    this.#parts = [];
    this.#features = Object.fromEntries([...table.columns].map(([name, view]) => [name, view.feature]));
    this.#file = file ?? temporaryFile(".arrow");
    const { ArrowWriter: Writer } = await import("../arrow/index.js");
    this.#writer = await Writer.create(this.#file, this.#features, {
      fingerprint,
      ...(batchRows === undefined ? {} : { batchRows }),
      ...(signal ? { signal } : {}),
    });
    await this.#write(table);
  }
  async #write(table: Table): Promise<void> {
    await this.#writer!.write(table);
    this.#written += table.length;
  }

  /** The table of all results; undefined when the function returned nothing for any row. */
  async finish(): Promise<Table | undefined> {
    if (this.#nothing !== false) return undefined;
    if (this.#options.file && !this.#writer) await this.#open();
    if (!this.#writer) return this.#table(this.#parts);
    await this.#writer.close();
    const { openArrow } = await import("../arrow/index.js");
    const table = await openArrow([this.#file!]);
    return new Table(new Map([...table.columns].map(([name, view]) => [name, { ...view, feature: this.#features![name] ?? view.feature }])), table.length);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer?.[Symbol.asyncDispose]();
  }
}
