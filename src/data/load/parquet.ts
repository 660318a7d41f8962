// Parquet files as tables, one row group at a time and of that one column at a time (hyparquet decodes).
import { type FileHandle, open } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import type { AsyncBuffer, Compressors, FileMetaData, ParquetParsers, SchemaElement } from "hyparquet";
import { AccelerateError, ArgumentError } from "../../errors.js";
import { FlatTable } from "../arrow/flat-table.js";
import { layoutFeature } from "../arrow/layout.js";
import { fits } from "../arrow/open-arrow.js";
import { readSchema } from "../arrow/schema-reader.js";
import { type ColumnData, valueReader } from "../columns/column-data.js";
import { ValueError, writerFor } from "../columns/column-writer.js";
import { type Feature, type Features, featureText } from "../columns/features.js";
import { featureFromJson } from "../columns/hf-features.js";
import { Table, wholeColumn } from "../columns/table.js";
import { DataFileError } from "./files.js";
import { decodedWriter } from "./parquet-columns.js";
import { isDecimalElement, keyValue, ParquetTypeError, schemaFeatures } from "./parquet-schema.js";

export interface ParquetOptions {
  /** Columns to read; default all. */
  readonly columns?: readonly string[] | undefined;
}

/** Times as TimeData keeps them; everything else as it lies in the file. */
const parsers: ParquetParsers = {
  timestampFromMilliseconds: (ms) => Number(ms),
  timestampFromMicroseconds: (us) => Number(us) / 1e3,
  timestampFromNanoseconds: (ns) => Number(ns / 1_000_000n) + Number(ns % 1_000_000n) / 1e6,
  dateFromDays: (days) => days * 86_400_000,
  stringFromBytes: (bytes) => bytes,
  jsonFromBytes: (bytes) => bytes,
  geometryFromBytes: (bytes) => bytes,
  geographyFromBytes: (bytes) => bytes,
  uuidFromBytes: (bytes) => bytes,
};

const load = async () => {
  const [parquet, { compressors }] = await Promise.all([import("hyparquet"), import("hyparquet-compressors")]);
  const all: Compressors = { ...compressors, GZIP: (input) => gunzipSync(input) };
  return { ...parquet, compressors: all };
};

const notWhole = (file: string, cause: unknown): DataFileError =>
  new DataFileError(file, `is no whole Parquet file (${(cause as Error).message})`, { cause, hint: "it may be cut off, or of another format" });

/** An open Parquet file. */
export class ParquetFile implements AsyncDisposable {
  readonly file: string;
  readonly metadata: FileMetaData;
  /** As Python's datasets reads them: those in the file's "huggingface" metadata where there are any, else by the schema. */
  readonly features: Features;
  /** What the decoder gives. */
  readonly #decoded: Features;
  readonly #handle: FileHandle;
  readonly #buffer: AsyncBuffer;

  private constructor(file: string, handle: FileHandle, buffer: AsyncBuffer, metadata: FileMetaData, decoded: Features, features: Features) {
    this.file = file;
    this.#handle = handle;
    this.#buffer = buffer;
    this.metadata = metadata;
    this.#decoded = decoded;
    this.features = features;
  }

  /** @throws DataFileError ERR_DATA_FILE when it is no Parquet file or holds a type that cannot be read; ArgumentError ERR_COLUMN_NOT_FOUND */
  static async open(file: string, { columns }: ParquetOptions = {}): Promise<ParquetFile> {
    const { parquetMetadataAsync, parquetSchema } = await load();
    let handle: FileHandle;
    try {
      handle = await open(file);
    } catch (error) {
      throw new DataFileError(file, `cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error });
    }
    try {
      const { size } = await handle.stat();
      const buffer: AsyncBuffer = { byteLength: size, slice: (start, end = size) => bytesAt(handle, start, end) };
      const metadata = await parquetMetadataAsync(buffer, { parsers, geoparquet: false });
      if (!Array.isArray(metadata.row_groups)) throw new Error("its metadata list no row groups");
      const own = schemaFeatures(parquetSchema(metadata));
      const missing = columns?.find((name) => !own.has(name));
      if (missing !== undefined) {
        throw new ArgumentError(`${file}: there is no column ${JSON.stringify(missing)} (columns)`, {
          code: "ERR_COLUMN_NOT_FOUND",
          hint: `columns are ${[...own.keys()].join(", ")}`,
        });
      }
      const wanted = [...own].filter(([name]) => columns?.includes(name) ?? true);
      const decoded = wanted.map(([name, feature]): readonly [string, Feature] => {
        if (!(feature instanceof ParquetTypeError)) return [name, feature];
        throw new DataFileError(file, `column ${name}: ${feature.message}`, { hint: "name the other columns with the option columns" });
      });
      // Decimals are taken apart here: the decoder would make floats of them.
      for (const element of metadata.schema) if (isDecimalElement(element)) plain(element);
      const stored = storedFeatures(keyValue(metadata, "huggingface"));
      const arrow = arrowFeatures(keyValue(metadata, "ARROW:schema"));
      const features = Object.fromEntries(
        decoded.map(([name, feature]) => {
          const own = arrow.get(name) ?? feature;
          const said = stored(name);
          // What was said of a column that has become another one is left alone, as in Python.
          return [name, said !== undefined && fits(said, own) ? said : own];
        }),
      );
      return new ParquetFile(file, handle, buffer, metadata, Object.fromEntries(decoded), features);
    } catch (error) {
      await handle.close();
      if (error instanceof AccelerateError) throw error;
      // Metadata that decode to nonsense (a schema without elements, children that are not there) end in the decoder's own errors.
      throw notWhole(file, error);
    }
  }

  get rows(): number {
    return Number(this.metadata.num_rows);
  }
  get groups(): number {
    return this.metadata.row_groups.length;
  }

  /** How many row groups lie before a row, and how many rows they hold. */
  groupsBefore(row: number): { readonly groups: number; readonly rows: number } {
    let [groups, rows] = [0, 0];
    for (const group of this.metadata.row_groups) {
      if (rows + Number(group.num_rows) > row) break;
      groups++;
      rows += Number(group.num_rows);
    }
    return { groups, rows };
  }

  /** The rows of a row group; of those columns that `features` has, as they say. @throws DataFileError ERR_DATA_FILE */
  async group(index: number, features: Features): Promise<Table> {
    const start = this.metadata.row_groups.slice(0, index).reduce((sum, group) => sum + Number(group.num_rows), 0);
    const rows = Number(this.metadata.row_groups[index]!.num_rows);
    const columns: [string, ReturnType<typeof wholeColumn>][] = [];
    for (const [name, feature] of Object.entries(features)) {
      const decoded = this.#decoded[name];
      if (decoded === undefined)
        throw new DataFileError(this.file, `there is no column ${JSON.stringify(name)} (features)`, {
          hint: `columns are ${Object.keys(this.#decoded).join(", ")}`,
        });
      columns.push([name, wholeColumn(await this.#column(name, { index, start, end: start + rows }, decoded, feature), feature)]);
    }
    return new Table(new Map(columns), rows);
  }

  async #column(
    name: string,
    { index, start, end }: { readonly index: number; readonly start: number; readonly end: number },
    decoded: Feature,
    feature: Feature,
  ) {
    try {
      const { parquetScan, compressors } = await load();
      // A scan of its own: it keeps what it decoded last.
      const options = {
        file: this.#buffer,
        metadata: this.metadata,
        columns: [name],
        rowStart: start,
        rowEnd: end,
        utf8: false,
        parsers,
        compressors,
        geoparquet: false,
      };
      const scan = await parquetScan(options);
      const values = start === end ? [] : await scan.readColumn({ column: name, rowStart: start, rowEnd: end });
      if (values.length !== end - start) throw new Error(`${values.length} values in a group of ${end - start} rows`);
      const writer = decodedWriter(decoded);
      for (let i = 0; i < values.length; i++) writer.push(values[i]);
      return cast(writer.finish(), decoded, feature);
    } catch (error) {
      if (error instanceof AccelerateError && !(error instanceof ValueError)) throw error;
      throw new DataFileError(this.file, `row group ${index}, column ${name}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** The rows in tables, a row group each, from row group `from` on. */
  async *tables(features: Features, from = 0): AsyncGenerator<Table> {
    for (let index = from; index < this.groups; index++) if (this.metadata.row_groups[index]!.num_rows > 0n) yield await this.group(index, features);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** The features that Python's datasets wrote into the file; undefined for columns (or kinds of features) that are not known here. */
function storedFeatures(text: string | undefined): (name: string) => Feature | undefined {
  let features: unknown;
  try {
    features = (JSON.parse(text ?? "null") as { info?: { features?: unknown } } | null)?.info?.features;
  } catch {
    // Not by datasets: the schema says enough.
  }
  if (typeof features !== "object" || features === null) return () => undefined;
  return (name) => {
    const json = (features as Record<string, unknown>)[name];
    try {
      return json === undefined ? undefined : featureFromJson(json);
    } catch (error) {
      if (error instanceof ArgumentError) return undefined;
      throw error;
    }
  };
}

/** The columns' types as Arrow's writers keep them beside the schema: large strings, durations, lists of one length. */
function arrowFeatures(text: string | undefined): ReadonlyMap<string, Feature> {
  const bytes = Buffer.from(text ?? "", "base64");
  if (bytes.length < 16) return new Map();
  try {
    // Older files have no marker before the length.
    const schema = FlatTable.root(bytes.subarray(bytes.readUInt32LE(0) === 0xffffffff ? 8 : 4)).table(2);
    return new Map(schema ? readSchema(schema).fields.map(({ name, layout }) => [name, layoutFeature(layout) as Feature]) : []);
  } catch (error) {
    if (error instanceof RangeError || error instanceof ArgumentError) return new Map();
    throw error;
  }
}

function plain(element: SchemaElement): void {
  delete element.converted_type;
  delete element.logical_type;
}

async function bytesAt(handle: FileHandle, start: number, end: number): Promise<ArrayBuffer> {
  const out = new Uint8Array(end - start);
  for (let at = 0; at < out.length; ) {
    const { bytesRead } = await handle.read(out, at, out.length - at, start + at);
    if (bytesRead === 0) throw new Error(`the file ends at byte ${start + at}`);
    at += bytesRead;
  }
  return out.buffer;
}

/** Values of another type, each checked. */
function cast(data: ColumnData, from: Feature, to: Feature): ColumnData {
  if (featureText(from) === featureText(to)) return data;
  if (data.kind === "text" && (to === "json" || to === "large_string" || to === "string") && (data.type === "string" || data.type === "large_string"))
    return { ...data, type: to };
  const writer = writerFor(to);
  const read = valueReader(data);
  for (let i = 0; i < data.length; i++) {
    try {
      writer.push(read(i));
    } catch (error) {
      throw error instanceof ValueError ? new ValueError(`row ${i}: ${error.message}`) : error;
    }
  }
  return writer.finish();
}
