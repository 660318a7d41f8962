// CSV and TSV files to columns: declared features or the fields themselves decide the types.

import { valueReader } from "../columns/column-data.js";
import { TextWriter, ValueError } from "../columns/column-writer.js";
import { RowWriter } from "../columns/row-writer.js";
import { ClassLabel, type Feature, type Features } from "../columns/features.js";
import { csvRecords } from "./csv-records.js";
import { DataFileError } from "./files.js";

type Convert = (field: string) => unknown;
const INTEGER = /^[+-]?(0|[1-9]\d*)$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const SPECIAL: ReadonlyMap<string, number> = new Map([
  ["nan", Number.NaN],
  ["NaN", Number.NaN],
  ["inf", Infinity],
  ["-inf", -Infinity],
]);
const TRUTH: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["True", true],
  ["TRUE", true],
  ["false", false],
  ["False", false],
  ["FALSE", false],
]);

const asInteger: Convert = (field) => (field === "" ? null : INTEGER.test(field.trim()) ? Number(field) : field);
const asNumber: Convert = (field) => (field === "" ? null : NUMBER.test(field.trim()) ? Number(field) : (SPECIAL.get(field) ?? field));
const asBool: Convert = (field) => (field === "" ? null : (TRUTH.get(field) ?? (field === "1" ? true : field === "0" ? false : field)));
const asJson: Convert = (field) => {
  if (field === "") return null;
  try {
    return JSON.parse(field);
  } catch (error) {
    throw new ValueError(`${JSON.stringify(field.slice(0, 40))} is no JSON (${(error as Error).message})`);
  }
};
const converters: { readonly [F in Extract<Feature, string>]: Convert } = {
  string: (field) => field,
  int64: asInteger,
  int32: asInteger,
  int8: asInteger,
  float32: asNumber,
  float64: asNumber,
  bool: asBool,
  json: asJson,
};

/** A field that is no number stays text, and the column's writer refuses it. An empty field is null, in a column of strings the empty string. */
function converterFor(feature: Feature): Convert {
  if (feature instanceof ClassLabel) return (field) => (field === "" ? null : INTEGER.test(field) ? Number(field) : field);
  return typeof feature === "string" ? converters[feature] : asJson;
}

export interface CsvOptions {
  readonly delimiter?: string | undefined;
  readonly features?: Features | undefined;
}

/** Appends the rows of files that share a header. @throws DataFileError ERR_DATA_FILE */
export async function readCsv(files: readonly string[], options: CsvOptions): Promise<RowWriter> {
  const declared = options.features;
  const out = declared ? new RowWriter(declared) : undefined;
  const texts = new Map<string, TextWriter>();
  for (const file of files) {
    const delimiter = options.delimiter ?? (file.endsWith(".tsv") ? "\t" : ",");
    let header: readonly string[] | undefined;
    let columns: readonly (readonly [name: string, field: number, convert: Convert])[] = [];
    for await (const { fields, line, byte } of csvRecords(file, delimiter)) {
      const fault = (message: string, cause?: unknown) => new DataFileError(file, message, { line, byte, cause });
      if (!header) {
        header = fields;
        columns = declared ? declaredColumns(file, header, declared) : header.map((name, i) => [name, i, converters.string] as const);
        checkHeader(header, [...texts.keys()], fault);
        if (!declared && texts.size === 0) for (const name of header) texts.set(name, new TextWriter("string"));
        continue;
      }
      if (fields.length !== header.length) throw fault(`${fields.length} fields, the header has ${header.length}`);
      if (!out) {
        for (let i = 0; i < fields.length; i++) texts.get(header[i]!)!.push(fields[i]!);
        continue;
      }
      const row: Record<string, unknown> = {};
      for (const [name, field, convert] of columns) row[name] = converted(convert, fields[field]!, name, fault);
      out.pushFrom(row, fault);
    }
    if (!header) throw new DataFileError(file, "is empty", { hint: "a CSV file begins with a line of column names" });
  }
  return out ?? inferred(texts);
}

/** Names must differ, and later files must have those of the first. */
function checkHeader(header: readonly string[], names: readonly string[], fault: (message: string) => Error): void {
  const twice = header.find((name, i) => header.indexOf(name) !== i);
  if (twice !== undefined) throw fault(`column ${JSON.stringify(twice)} occurs twice`);
  if (names.length > 0 && (names.length !== header.length || names.some((name) => !header.includes(name))))
    throw fault(`columns are ${header.join(", ")}, in the files before ${names.join(", ")}`);
}

function converted(convert: Convert, field: string, name: string, fault: (message: string, cause: unknown) => Error): unknown {
  try {
    return convert(field);
  } catch (error) {
    throw error instanceof ValueError ? fault(`column ${name}: ${error.message}`, error) : error;
  }
}

function declaredColumns(file: string, header: readonly string[], features: Features): (readonly [string, number, Convert])[] {
  return Object.entries(features).map(([name, feature]) => {
    const field = header.indexOf(name);
    if (field >= 0) return [name, field, converterFor(feature)] as const;
    const one = header.length === 1 ? "; is the delimiter right?" : "";
    throw new DataFileError(file, `there is no column ${JSON.stringify(name)} (features)`, { line: 1, hint: `columns are ${header.join(", ")}${one}` });
  });
}

/** A whole number with more digits than a float64 keeps. */
const isLongInteger = (field: string): boolean => INTEGER.test(field) && !Number.isSafeInteger(Number(field));

const tests: readonly (readonly [type: "int64" | "float64" | "bool", fits: (field: string) => boolean])[] = [
  // A leading zero or more digits than a number holds: an identifier, kept as text.
  ["int64", (field) => field === "" || (INTEGER.test(field) && Number.isSafeInteger(Number(field)))],
  ["float64", (field) => field === "" || SPECIAL.has(field) || (NUMBER.test(field) && !/^[+-]?(0\d|\d{17})/.test(field) && !isLongInteger(field))],
  ["bool", (field) => field === "" || TRUTH.has(field)],
];

/** Columns in which every field reads as a number or a truth become that; all others are text. */
function inferred(texts: ReadonlyMap<string, TextWriter>): RowWriter {
  const out = new RowWriter();
  for (const [name, writer] of texts) {
    const data = writer.finish();
    const read = valueReader(data) as (i: number) => string;
    const every = (fits: (field: string) => boolean): boolean => {
      let filled = false;
      for (let i = 0; i < data.length; i++) {
        const field = read(i);
        if (!fits(field)) return false;
        filled ||= field !== "";
      }
      return filled;
    };
    const type = tests.find(([, fits]) => every(fits))?.[0] ?? "string";
    const values = function* () {
      for (let i = 0; i < data.length; i++) yield converters[type](read(i));
    };
    out.pushColumn(name, values(), type);
  }
  return out;
}
