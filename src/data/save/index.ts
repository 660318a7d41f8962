// Tables as files of other programs: CSV, JSON, text, Parquet.
export { type CsvWriteOptions, writeCsv } from "./csv.js";
export { type JsonWriteOptions, writeJson } from "./json.js";
export { type ParquetWriteOptions, writeParquet } from "./parquet.js";
export { type TextWriteOptions, writeText } from "./text.js";
