// Changes of columns that compute no values: choosing, renaming, adding, putting tables under and beside each other.
import { ArgumentError } from "../../errors.js";
import { type ColumnData, chunkedData, sharedUint32 } from "../columns/column-data.js";
import { type Feature, featureText } from "../columns/features.js";
import { RowWriter } from "../columns/row-writer.js";
import { type ColumnView, Table, wholeColumn } from "../columns/table.js";

export const listed = (names: string | readonly string[]): readonly string[] => (typeof names === "string" ? [names] : names);

/** The named columns, in that order. @throws ArgumentError ERR_COLUMN_NOT_FOUND */
export const only = (table: Table, names: readonly string[]): Table => new Table(new Map(names.map((name) => [name, table.view(name)])), table.length);

/** Old names to new ones, all at once: names may be swapped. @throws ArgumentError ERR_COLUMN_NOT_FOUND, ERR_COLUMN_EXISTS */
export function renamed(table: Table, names: Readonly<Record<string, string>>): Table {
  for (const from of Object.keys(names)) table.view(from);
  const columns = new Map<string, ColumnView>();
  for (const [name, view] of table.columns) {
    const to = Object.hasOwn(names, name) ? names[name]! : name;
    if (columns.has(to)) throw exists(to);
    columns.set(to, view);
  }
  return new Table(columns, table.length);
}
const exists = (name: string): ArgumentError =>
  new ArgumentError(`there is a column ${JSON.stringify(name)} already`, {
    code: "ERR_COLUMN_EXISTS",
    hint: `remove or rename it first: removeColumns("${name}")`,
  });

/** @throws ArgumentError ERR_COLUMN_EXISTS, ERR_COLUMN_LENGTH, ERR_COLUMN_VALUE */
export function withColumn(table: Table, name: string, values: Iterable<unknown>, feature: Feature | undefined): Table {
  if (table.columns.has(name)) throw exists(name);
  const writer = new RowWriter(feature === undefined ? undefined : { [name]: feature });
  writer.pushColumn(name, values);
  const column = writer.finish();
  if (column.length !== table.length && table.columns.size > 0)
    throw new ArgumentError(`column ${name} has ${column.length} values, the dataset ${table.length} rows`, { code: "ERR_COLUMN_LENGTH" });
  return new Table(new Map([...table.columns, [name, column.view(name)]]), column.length);
}

/** Tables of equally many rows, the columns of each after those of the one before. @throws ArgumentError ERR_COLUMN_LENGTH, ERR_COLUMN_EXISTS */
export function beside(tables: readonly Table[]): Table {
  const columns = new Map<string, ColumnView>();
  for (const table of tables) {
    if (table.length !== tables[0]!.length)
      throw new ArgumentError(`a dataset of ${table.length} rows beside one of ${tables[0]!.length}`, { code: "ERR_COLUMN_LENGTH" });
    for (const [name, view] of table.columns) {
      if (columns.has(name)) throw exists(name);
      columns.set(name, view);
    }
  }
  return new Table(columns, tables[0]!.length);
}

/** The feature that a column has in all tables; one that is null in some takes the others'. @throws ArgumentError ERR_CONCATENATE */
function common(name: string, tables: readonly Table[]): Feature {
  const features = tables.flatMap((table) => table.columns.get(name)?.feature ?? []).filter((feature) => feature !== "null");
  const odd = features.find((feature) => featureText(feature) !== featureText(features[0]!));
  if (odd !== undefined)
    throw new ArgumentError(`column ${name} is ${featureText(features[0]!)} in one dataset and ${featureText(odd)} in another`, {
      code: "ERR_CONCATENATE",
      hint: `cast one of them: castColumn("${name}", ...)`,
    });
  return features[0] ?? "null";
}

/** Tables under each other, without copies; a column that one lacks is null there. @throws ArgumentError ERR_CONCATENATE */
export function under(all: readonly Table[]): Table {
  const filled = all.filter((table) => table.length > 0);
  const tables = filled.length > 0 ? filled : all.slice(0, 1);
  if (tables.length === 1) return tables[0]!;
  const length = tables.reduce((sum, table) => sum + table.length, 0);
  const names = [...new Set(tables.flatMap((table) => [...table.columns.keys()]))];
  // Columns that came through the same indices share the joined ones.
  const joined = new Map<string, Uint32Array>();
  const ids = new Map<Uint32Array, number>();
  const idOf = (rows: Uint32Array): number => {
    if (!ids.has(rows)) ids.set(rows, ids.size);
    return ids.get(rows)!;
  };
  const columns = new Map<string, ColumnView>();
  for (const name of names) {
    const views = tables.map((table): ColumnView => table.columns.get(name) ?? wholeColumn({ kind: "null", length: table.length }));
    const feature = common(name, tables);
    const data = chunkedData(views.map((view): ColumnData => view.data));
    if (!views.some((view) => view.indices)) {
      columns.set(name, { data, feature });
      continue;
    }
    const key = views.map(({ data: part, indices }) => (indices ? `${idOf(indices)}/${part.length}` : part.length)).join();
    if (!joined.has(key)) joined.set(key, joinIndices(views, tables, length));
    columns.set(name, { data, feature, indices: joined.get(key)! });
  }
  return new Table(columns, length);
}

function joinIndices(views: readonly ColumnView[], tables: readonly Table[], length: number): Uint32Array {
  const out = sharedUint32(length);
  let [row, base] = [0, 0];
  views.forEach(({ data, indices }, k) => {
    const rows = tables[k]!.length;
    for (let i = 0; i < rows; i++) out[row + i] = base + (indices ? indices[i]! : i);
    row += rows;
    base += data.length;
  });
  return out;
}
