// ArrowWriter: tables into an Arrow file, as Python's datasets writes and opens it.
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { AccelerateError, ArgumentError } from "../../errors.js";
import { sweepUnfinished, unfinishedName } from "../../unfinished.js";
import { type ColumnData, plainFeature } from "../columns/column-data.js";
import { writerFor } from "../columns/column-writer.js";
import { checkFeatures, type Feature, type Features } from "../columns/features.js";
import { featuresToJson } from "../columns/hf-features.js";
import { pythonJson } from "../columns/python-json.js";
import type { ColumnView, Table } from "../columns/table.js";
import { valueReader } from "../columns/value-reader.js";
import { columnBuilder } from "./builders.js";
import type { ColumnBuilder } from "./column-builder.js";
import { BatchParts, batchMessage, endOfStream, schemaMessage, type WriteSchema, writeSchema } from "./message-writer.js";
import { fits } from "./open-arrow.js";
import { type RawReader, rawReader } from "./raw-reader.js";
import { writeError } from "./write-error.js";

export interface ArrowWriterOptions {
  /** Written into the schema's metadata. */
  readonly fingerprint?: string;
  /** Rows of a record batch; default 1000, as Python's writer_batch_size. */
  readonly batchRows?: number;
  readonly signal?: AbortSignal;
}

/** Rows that are taken at once; between them the size of the batch is looked at. */
const stepRows = 128;
/** A record batch of wide rows ends here, before it has all its rows. */
const batchBytes = 64 * 2 ** 20;

/**
 * Writes an Arrow file in the stream format. Rows go to a temporary file beside it, which takes its name when it is closed: nobody sees half a file.
 *
 * @example
 * await using writer = await ArrowWriter.create("cache/train.arrow", { text: "string", input_ids: { sequence: "int32" } });
 * await writer.write(table);
 * const rows = await writer.close();
 */
export class ArrowWriter implements AsyncDisposable {
  readonly #file: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  readonly #schema: WriteSchema;
  readonly #builders: readonly ColumnBuilder[];
  readonly #batchRows: number;
  readonly #signal: AbortSignal | undefined;
  #rows = 0;
  #bytes = 0;
  #staged = 0;
  #open = true;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(file: string, temporary: string, handle: FileHandle, schema: WriteSchema, options: ArrowWriterOptions) {
    this.#file = file;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#schema = schema;
    this.#builders = schema.fields.map(({ layout }) => columnBuilder(layout));
    this.#batchRows = options.batchRows ?? 1000;
    this.#signal = options.signal;
  }

  /** @throws ArgumentError ERR_FEATURES, ERR_ARGUMENT; AccelerateError ERR_DATA_WRITE when there can be no such file */
  static async create(file: string, features: Features, options: ArrowWriterOptions = {}): Promise<ArrowWriter> {
    checkFeatures(features);
    const { batchRows = 1000, fingerprint, signal } = options;
    if (!Number.isInteger(batchRows) || batchRows < 1) throw new ArgumentError(`batchRows is ${batchRows}`, { hint: "give a whole number of at least 1" });
    signal?.throwIfAborted();
    // A rename would put the file in the place of a device or a pipe; and who maps what is written needs a file.
    const found = await stat(file).catch(() => undefined);
    if (found && !found.isFile())
      throw new AccelerateError("ERR_DATA_WRITE", `${file}: there is something that is no file`, { hint: "give the path of a file" });
    const temporary = unfinishedName(file);
    const schema = writeSchema(features);
    const info = { info: { features: featuresToJson(features) }, ...(fingerprint === undefined ? {} : { fingerprint }) };
    let handle: FileHandle;
    try {
      await mkdir(dirname(file), { recursive: true });
      await sweepUnfinished(dirname(file));
      handle = await open(temporary, "wx");
    } catch (error) {
      throw writeError(file, error);
    }
    const writer = new ArrowWriter(file, temporary, handle, schema, options);
    try {
      await writer.#put(schemaMessage(schema, [["huggingface", pythonJson(info)]]));
    } catch (error) {
      await writer[Symbol.asyncDispose]();
      throw error;
    }
    return writer;
  }

  /** Rows that were given so far. */
  get rows(): number {
    return this.#rows;
  }
  /** Bytes that were written so far, without the rows of a record batch that is not full. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Adds the rows of a table, or those from start up to end; what was given before comes first.
   * @throws ArgumentError ERR_COLUMN_NOT_FOUND, ERR_COLUMN_VALUE when a column does not hold what the features say; AccelerateError ERR_DATA_WRITE
   */
  write(table: Table, start = 0, end: number = table.length): Promise<void> {
    return this.#next(() => this.#write(table, start, end));
  }
  /** One after the other, in the order of the calls; what failed ends the file. */
  async #next<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn;
    turn.catch(() => {}); // told to who called
    return await turn;
  }
  async #write(table: Table, from: number, to: number): Promise<void> {
    if (!this.#open) throw new ArgumentError(`${this.#file} is closed`, { code: "ERR_WRITER_CLOSED" });
    const sources = this.#schema.fields.map(({ name, feature }) => sourceOf(table, name, feature));
    let step = stepRows;
    for (let start = from; start < to; ) {
      this.#signal?.throwIfAborted();
      const end = Math.min(to, start + step, start + this.#batchRows - this.#staged);
      const before = this.#size();
      sources.forEach(({ data, indices, read }, i) => {
        this.#builders[i]!.append(data, start, end, indices, read);
      });
      this.#staged += end - start;
      this.#rows += end - start;
      step = this.#size() - before > batchBytes / 4 ? 1 : stepRows;
      start = end;
      if (this.#staged >= this.#batchRows || this.#size() >= batchBytes) await this.#flush();
    }
  }
  #size(): number {
    return this.#builders.reduce((sum, { bytes }) => sum + bytes, 0);
  }
  async #flush(): Promise<void> {
    const parts = new BatchParts();
    for (const builder of this.#builders) builder.emit(parts);
    const message = batchMessage(this.#staged, parts);
    for (const builder of this.#builders) builder.clear();
    this.#staged = 0;
    await this.#put(message);
  }
  async #put(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done);
        done += bytesWritten;
      }
      this.#bytes += bytes.length;
    } catch (error) {
      throw writeError(this.#file, error);
    }
  }

  /** Writes what is left and gives the file its name. @returns the rows of the file; @throws AccelerateError ERR_DATA_WRITE */
  close(): Promise<number> {
    return this.#next(async () => {
      if (!this.#open) throw new ArgumentError(`${this.#file} is closed`, { code: "ERR_WRITER_CLOSED" });
      this.#signal?.throwIfAborted();
      if (this.#staged > 0) await this.#flush();
      await this.#put(endOfStream);
      try {
        await this.#handle.close();
        await rename(this.#temporary, this.#file);
      } catch (error) {
        throw writeError(this.#file, error);
      }
      this.#open = false;
      return this.#rows;
    });
  }
  /** Without close: nothing stays of the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn.catch(() => {}); // told to who called
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close().catch(() => {}); // a full disk may say so here once more
    await rm(this.#temporary, { force: true });
  }
}

interface Source {
  readonly data: ColumnData;
  readonly indices: Uint32Array | undefined;
  readonly read: RawReader;
}

/** The column as the builders take it: converted first where it holds another type. */
function sourceOf(table: Table, name: string, feature: Feature): Source {
  const view = table.view(name);
  const data = hasType(view.data, feature) ? view.data : converted(view, name, feature, table.length);
  return { data, indices: data === view.data ? view.indices : undefined, read: rawReader(data) };
}

const hasType = (data: ColumnData, feature: Feature): boolean => data.kind === "null" || fits(feature, plainFeature(data));

function converted({ data, indices }: ColumnView, name: string, feature: Feature, rows: number): ColumnData {
  const [read, writer] = [valueReader(data), writerFor(feature)];
  for (let i = 0; i < rows; i++) {
    try {
      writer.push(read(indices ? indices[i]! : i));
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
      throw new ArgumentError(`row ${i}, column ${name}: ${error.message}`, { code: "ERR_COLUMN_VALUE", cause: error });
    }
  }
  return writer.finish();
}
