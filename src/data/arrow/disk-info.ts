// dataset_info.json and state.json: what Python's datasets keeps beside the Arrow files of a saved data set.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { writeWhole } from "../../unfinished.js";
import type { Features } from "../columns/features.js";
import { featuresToJson } from "../columns/hf-features.js";
import { pythonJson } from "../columns/python-json.js";
import type { DatasetInfo } from "../dataset/origin.js";
import { DataFileError } from "../load/files.js";
import { writeError } from "./write-error.js";

/** How rows are shown; "tensor" is Python's "torch". */
export interface DiskFormat {
  readonly type: "plain" | "tensor";
  readonly columns?: readonly string[];
  readonly outputAllColumns?: boolean;
}
/** What is kept of a data set beside its rows. */
export interface DiskState {
  readonly fingerprint: string;
  readonly split?: string;
  readonly info?: DatasetInfo;
  readonly format?: DiskFormat;
}

type Fields = Readonly<Record<string, unknown>>;

/** Our names and Python's, in the order in which Python writes them. */
const infoNames: readonly (readonly [ours: Exclude<keyof DatasetInfo, "version">, python: string])[] = [
  ["builderName", "builder_name"],
  ["citation", "citation"],
  ["configName", "config_name"],
  ["datasetName", "dataset_name"],
  ["description", "description"],
  ["homepage", "homepage"],
  ["license", "license"],
];
/** Those that Python writes even when nothing is known. */
const always = new Set(["citation", "description", "homepage", "license"]);

export function infoJson(features: Features, info: DatasetInfo = {}): string {
  const fields: [string, unknown][] = infoNames.flatMap(([ours, python]) => {
    const value = info[ours] ?? (always.has(python) ? "" : undefined);
    return value === undefined ? [] : [[python, value]];
  });
  fields.push(["features", featuresToJson(features)]);
  if (info.version !== undefined) fields.push(["version", { version_str: info.version }]);
  return pythonJson(Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1))), 2);
}

export function stateJson(files: readonly string[], { fingerprint, split, format }: DiskState): string {
  const state = {
    _data_files: files.map((filename) => ({ filename })),
    _fingerprint: fingerprint,
    _format_columns: format?.columns ?? null,
    _format_kwargs: {},
    _format_type: format?.type === "tensor" ? "torch" : null,
    _output_all_columns: format?.outputAllColumns ?? false,
    _split: split ?? null,
  };
  return pythonJson(state, 2);
}

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((item) => typeof item === "string");

/** A file of JSON that holds an object. @throws DataFileError */
export async function readFields(path: string): Promise<Fields> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new DataFileError(path, `cannot be read (${(error as Error).message})`, { cause: error });
  }
  if (!isFields(json)) throw new DataFileError(path, "holds no JSON object");
  return json;
}

export function infoOf(json: Fields): DatasetInfo | undefined {
  const entries: [string, string][] = infoNames.flatMap(([ours, python]) => (typeof json[python] === "string" && json[python] ? [[ours, json[python]]] : []));
  const version = isFields(json.version) ? json.version.version_str : json.version;
  if (typeof version === "string") entries.push(["version", version]);
  return entries.length > 0 ? (Object.fromEntries(entries) as DatasetInfo) : undefined;
}

/** The state, and the files of the rows. @throws DataFileError for names that lead out of the folder */
export function stateOf(path: string, json: Fields): { readonly state: Omit<DiskState, "info">; readonly files: readonly string[] } {
  const fault = (message: string) => new DataFileError(path, message);
  if (!Array.isArray(json._data_files)) throw fault('there is no list "_data_files"');
  const files = json._data_files.map((file: unknown) => {
    const name = isFields(file) ? file.filename : undefined;
    if (typeof name !== "string" || basename(name) !== name || name === "" || name === "." || name === "..")
      throw fault(`${JSON.stringify(name)} is no name of a file in this folder`);
    return name;
  });
  if (typeof json._fingerprint !== "string") throw fault('there is no "_fingerprint"');
  const columns = isTexts(json._format_columns) ? json._format_columns : undefined;
  const tensor = typeof json._format_type === "string" && ["torch", "numpy", "tensorflow", "jax"].includes(json._format_type);
  const format: DiskFormat = {
    type: tensor ? "tensor" : "plain",
    ...(columns ? { columns } : {}),
    ...(json._output_all_columns === true ? { outputAllColumns: true } : {}),
  };
  return { state: { fingerprint: json._fingerprint, ...(typeof json._split === "string" ? { split: json._split } : {}), format }, files };
}

/** Writes a small file whole or not at all. @throws AccelerateError ERR_DATA_WRITE */
export async function writeFacts(path: string, text: string): Promise<void> {
  try {
    await writeWhole(path, text);
  } catch (error) {
    throw writeError(path, error);
  }
}
