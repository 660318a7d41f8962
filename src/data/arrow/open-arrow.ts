// Opening Arrow files as a table.
import { ArgumentError } from "../../errors.js";
import { type ColumnData, chunkedData } from "../columns/column-data.js";
import { ClassLabel, type Feature, type Features, featureText, isListFeature, isStructFeature } from "../columns/features.js";
import { featureFromJson } from "../columns/hf-features.js";
import { type ColumnView, Table } from "../columns/table.js";
import { DataFileError } from "../load/files.js";
import { type FileIndex, readFileIndex } from "./file-index.js";
import { layoutFeature } from "./layout.js";
import { holdMapped } from "./mapped-file.js";
import type { ArrowSchema } from "./schema-reader.js";

/** Choices of rows are of 32 bits. */
const mostRows = 2 ** 32 - 1;
/** To open a file that is replaced again and again. */
const mostTries = 10;

interface OpenedFile {
  readonly path: string;
  readonly schema: ArrowSchema;
  readonly index: FileIndex;
}

/**
 * Arrow files, in the stream or the file format, as one table, without reading more than their headers: they are mapped into memory, threads share the
 * pages. While the table is in use the files may be removed or replaced, but not be made shorter or written to.
 * @throws ArgumentError ERR_FILE_NOT_FOUND, ERR_ARROW_TYPE, ERR_ARROW_SCHEMA when files have different columns; DataFileError ERR_DATA_FILE for a damaged file
 */
export async function openArrow(files: readonly string[]): Promise<Table> {
  if (files.length === 0) throw new ArgumentError("no Arrow files to open", { code: "ERR_ARROW_SCHEMA" });
  const opened: OpenedFile[] = [];
  for (const path of files) opened.push(await openOne(path));
  return tableOf(opened);
}

/** A file that another one took the place of while it was opened, as processes do that fill the same cache, is opened anew. */
async function openOne(path: string): Promise<OpenedFile> {
  for (let tries = 1; ; tries++) {
    const { schema, index } = await readFileIndex(path);
    const twice = schema.fields.find(({ name }, i) => schema.fields.findIndex((field) => field.name === name) !== i);
    if (twice) throw new DataFileError(path, `column ${JSON.stringify(twice.name)} occurs twice`);
    try {
      // Mapped now: what cannot be mapped is told here, and the file may be removed afterwards.
      if (index.rows.starts.at(-1)! > 0) holdMapped(index, index.file);
      return { path, schema, index };
    } catch (error) {
      if (tries === mostTries || ((error as Error).cause as { code?: unknown } | undefined)?.code !== "ERR_FILE_CHANGED") throw error;
    }
  }
}

function tableOf(files: readonly OpenedFile[]): Table {
  const [first] = files as [OpenedFile];
  const features = featuresOf(first.schema);
  for (const { path, schema } of files.slice(1)) sameColumns(first, path, schema);
  const columns = new Map<string, ColumnView>();
  for (const [i, { name }] of first.schema.fields.entries()) {
    const data = chunkedData(files.map(({ schema, index }) => columnOf(schema.fields[i]!, index)));
    columns.set(name, { data, feature: features[name]! });
  }
  const rows = files.reduce((sum, { index }) => sum + index.rows.starts.at(-1)!, 0);
  if (rows > mostRows)
    throw new DataFileError(
      files.length === 1 ? first.path : `${first.path} and ${files.length - 1} more`,
      `${rows} rows, and a table has at most ${mostRows}`,
      {
        hint: "load the data in several parts",
      },
    );
  return new Table(columns, rows);
}

const columnOf = ({ name, layout }: ArrowSchema["fields"][number], index: FileIndex): ColumnData => ({
  kind: "arrow",
  length: index.rows.starts.at(-1)!,
  column: { name, feature: layoutFeature(layout), layout, index },
});

function sameColumns(first: OpenedFile, path: string, schema: ArrowSchema): void {
  const text = (of: ArrowSchema) => of.fields.map(({ name, layout }) => `${name}: ${featureText(layoutFeature(layout) as Feature)}`).join(", ");
  if (text(schema) === text(first.schema)) return;
  throw new ArgumentError(`${path} has the columns {${text(schema)}}, ${first.path} has {${text(first.schema)}}`, {
    code: "ERR_ARROW_SCHEMA",
    hint: "files of one data set have the same columns",
  });
}

/** What Python's datasets wrote into the schema, where it fits the columns' own types. */
function featuresOf(schema: ArrowSchema): Features {
  const said = saidFeatures(schema.metadata.get("huggingface"));
  return Object.fromEntries(
    schema.fields.map(({ name, layout }) => {
      const own = layoutFeature(layout) as Feature;
      const known = Object.hasOwn(said, name) ? readable(said[name]) : undefined;
      return [name, known !== undefined && fits(known, own) ? known : own];
    }),
  );
}
function saidFeatures(metadata: string | undefined): Readonly<Record<string, unknown>> {
  if (metadata === undefined) return {};
  try {
    const { info } = JSON.parse(metadata) as { info?: { features?: Record<string, unknown> } };
    return typeof info?.features === "object" && info.features !== null ? info.features : {};
  } catch {
    return {}; // somebody else's metadata: the types say what the columns are
  }
}
function readable(json: unknown): Feature | undefined {
  try {
    return featureFromJson(json);
  } catch (error) {
    if (error instanceof ArgumentError) return undefined; // Image, Audio, ...: the columns that they are kept in
    throw error;
  }
}

/** Whether a feature is kept in columns of a type. */
export function fits(feature: Feature, own: Feature): boolean {
  if (feature instanceof ClassLabel) return own === "int64";
  if (typeof feature === "string") return feature === own;
  if (isListFeature(feature)) return isListFeature(own) && feature.length === own.length && feature.large === own.large && fits(feature.sequence, own.sequence);
  if (!isStructFeature(own)) return false;
  const [fields, owns] = [Object.entries(feature), Object.entries(own)];
  return fields.length === owns.length && fields.every(([name, field], i) => name === owns[i]![0] && fits(field as Feature, owns[i]![1] as Feature));
}
