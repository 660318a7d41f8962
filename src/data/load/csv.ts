// CSV and TSV files as tables: declared features or the fields themselves decide the types.
import { ArgumentError } from "../../errors.js";
import { ValueError } from "../columns/column-writer.js";
import type { Features } from "../columns/features.js";
import type { Table } from "../columns/table.js";
import { ColumnGuess, type Convert, converterFor } from "./csv-fields.js";
import { type CsvRecord, csvRecords } from "./csv-records.js";
import { DataFileError } from "./files.js";
import { type Fault, type RowsOptions, RowTables } from "./rows.js";

/** Options of CSV files, with the meanings of pandas.read_csv. */
export interface CsvOptions {
  /** What separates fields; default a comma, a tab for .tsv. */
  readonly delimiter?: string | undefined;
  /** The same as delimiter. */
  readonly sep?: string | undefined;
  /** Names of the columns; the file then has no header, unless `header` says which row it is. */
  readonly columnNames?: readonly string[] | undefined;
  /** Which record holds the column names, from 0; null: none does (columns are called "0", "1", ...). */
  readonly header?: number | null | undefined;
  /** Records to leave out at the beginning. */
  readonly skipRows?: number | undefined;
  /** What fields with delimiters stand in; default `"`. null: quotes are part of the text (csv.QUOTE_NONE). */
  readonly quoteChar?: string | null | undefined;
  /** Fields that mean null, in columns of text, too. */
  readonly naValues?: string | readonly string[] | undefined;
  /** Columns to keep. */
  readonly useCols?: readonly string[] | undefined;
}

/** What a file begins with. */
interface Header {
  readonly names: readonly string[];
  readonly fault: Fault;
}
type Cell = readonly [name: string, field: number, convert: Convert];

const count = (name: string, value: number): number => {
  if (Number.isInteger(value) && value >= 0) return value;
  throw new ArgumentError(`${name} is ${String(value)}`, { code: "ERR_OPTIONS", hint: "give a whole number, 0 or more" });
};

/** Records of a file, the header's names first. Rows before the header and `skipRows` are left out. */
async function* recordsOf(file: string, options: CsvOptions): AsyncGenerator<{ readonly header: Header; readonly record: CsvRecord | undefined }> {
  const delimiter = options.delimiter ?? options.sep ?? (/\.tsv(\.gz)?$/.test(file) ? "\t" : ",");
  const skip = count("skipRows", options.skipRows ?? 0);
  const row = options.header === undefined ? (options.columnNames ? null : 0) : options.header === null ? null : count("header", options.header);
  let header: Header | undefined;
  let seen = 0;
  for await (const record of csvRecords(file, { delimiter, quoteChar: options.quoteChar === undefined ? '"' : options.quoteChar })) {
    const at = seen++ - skip;
    if (at < 0) continue;
    const fault: Fault = (message, cause) => new DataFileError(file, message, { line: record.line, byte: record.byte, cause });
    if (!header) {
      if (row !== null && at < row) continue;
      header = { names: options.columnNames ?? (row === null ? record.fields.map((_, i) => String(i)) : record.fields), fault };
      const { names } = header;
      const twice = names.find((name, i) => names.indexOf(name) !== i);
      if (twice !== undefined) throw fault(`column ${JSON.stringify(twice)} occurs twice`);
      if (row !== null) {
        if (names.length !== record.fields.length) throw fault(`${record.fields.length} columns, columnNames has ${names.length}`);
        yield { header, record: undefined };
        continue;
      }
      yield { header, record: undefined };
    }
    const { length } = header.names;
    if (record.fields.length !== length) throw fault(`${record.fields.length} fields, the header has ${length}`);
    yield { header, record };
  }
  if (!header && options.columnNames && row === null)
    yield { header: { names: options.columnNames, fault: (message) => new DataFileError(file, message) }, record: undefined };
  else if (!header) throw new DataFileError(file, "is empty", { hint: "a CSV file begins with a line of column names" });
}

const nullTexts = ({ naValues }: CsvOptions): ReadonlySet<string> =>
  new Set(naValues === undefined ? [] : typeof naValues === "string" ? [naValues] : naValues);

/** @throws ArgumentError ERR_COLUMN_NOT_FOUND */
function checkColumns(useCols: readonly string[] | undefined, names: readonly string[]): void {
  const missing = useCols?.find((name) => !names.includes(name));
  if (missing !== undefined)
    throw new ArgumentError(`useCols: there is no column ${JSON.stringify(missing)}`, {
      code: "ERR_COLUMN_NOT_FOUND",
      hint: `columns are ${names.join(", ")}`,
    });
}

/** What the columns hold, by a look at all records (or at the first `rows` of them): the narrowest type that every field fits. */
export async function csvFeatures(files: readonly string[], options: CsvOptions, rows = Infinity): Promise<Features> {
  const guesses = new Map<string, ColumnGuess>();
  const nulls = nullTexts(options);
  let seen = 0;
  for (const file of files) {
    let cells: readonly (ColumnGuess | undefined)[] = [];
    for await (const { header, record } of recordsOf(file, options)) {
      if (!record) {
        const { names } = header;
        checkColumns(options.useCols, names);
        const before = [...guesses.keys()];
        const kept = names.filter((name) => options.useCols?.includes(name) ?? true);
        if (before.length > 0 && (before.length !== kept.length || before.some((name) => !kept.includes(name))))
          throw header.fault(`columns are ${names.join(", ")}, in the files before ${before.join(", ")}`);
        for (const name of kept) if (!guesses.has(name)) guesses.set(name, new ColumnGuess());
        cells = names.map((name) => guesses.get(name));
        continue;
      }
      for (let i = 0; i < cells.length; i++) {
        const field = record.fields[i]!;
        if (!nulls.has(field)) cells[i]?.see(field);
      }
      if (++seen >= rows) break;
    }
    if (seen >= rows) break;
  }
  return Object.fromEntries([...guesses].map(([name, guess]) => [name, guess.feature]));
}

/** The rows of a file in tables. @throws DataFileError ERR_DATA_FILE */
export async function* csvTables(file: string, options: CsvOptions, rows: RowsOptions & { readonly features: Features }): AsyncGenerator<Table> {
  const out = new RowTables(rows);
  const nulls = nullTexts(options);
  let cells: readonly Cell[] = [];
  let byte = 0;
  for await (const { header, record } of recordsOf(file, options)) {
    if (!record) {
      cells = cellsOf(header, rows.features, nulls);
      continue;
    }
    byte = record.byte;
    const fault: Fault = (message, cause) => new DataFileError(file, message, { line: record.line, byte: record.byte, cause });
    const row: Record<string, unknown> = {};
    for (const [name, field, convert] of cells) row[name] = converted(convert, record.fields[field]!, name, fault);
    out.push(row, fault);
    if (out.full(byte)) yield out.take(byte);
  }
  if (out.rows > 0) yield out.take(byte);
}

function converted(convert: Convert, field: string, name: string, fault: Fault): unknown {
  try {
    return convert(field);
  } catch (error) {
    throw error instanceof ValueError ? fault(`column ${name}: ${error.message}`, error) : error;
  }
}

function cellsOf({ names, fault }: Header, features: Features, nulls: ReadonlySet<string>): readonly Cell[] {
  return Object.entries(features).map(([name, feature]) => {
    const field = names.indexOf(name);
    const convert = converterFor(feature);
    if (field >= 0) return [name, field, nulls.size === 0 ? convert : (text) => (nulls.has(text) ? null : convert(text))] as const;
    const one = names.length === 1 ? "; is the delimiter right?" : "";
    throw fault(`there is no column ${JSON.stringify(name)} (features): columns are ${names.join(", ")}${one}`);
  });
}
