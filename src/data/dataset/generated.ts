// Rows that come one by one, as a table: in memory while they are few, in a temporary file when they are many.
import type { ColumnData } from "../columns/column-data.js";
import type { Features } from "../columns/features.js";
import { RowWriter } from "../columns/row-writer.js";
import { Table } from "../columns/table.js";
import { uniqueFingerprint } from "./fingerprint.js";
import { ResultSink } from "./sink.js";

const BATCH = 10_000;

/** @throws ArgumentError ERR_COLUMN_VALUE that names row and column, ERR_MAP_RESULT for a column that begins behind the first 10,000 rows */
export async function tableOfRows(rows: Iterable<object> | AsyncIterable<object>, features: Features | undefined): Promise<Table> {
  await using sink = new ResultSink(new Table(new Map(), 0), {
    verb: "fromGenerator",
    removed: [],
    keepInMemory: false,
    fingerprint: uniqueFingerprint(),
    ...(features ? { features } : {}),
  });
  let writer = new RowWriter(features);
  let first = 0;
  let names: readonly string[] = [];
  const flush = async () => {
    const table = writer.finish();
    const columns = Object.fromEntries([...table.columns].map(([name, { data }]): [string, ColumnData] => [name, data]));
    for (const name of names) columns[name] ??= { kind: "null", length: table.length };
    if (first === 0) names = Object.keys(columns);
    await sink.push(columns, first, first + table.length);
    first += table.length;
    writer = new RowWriter(features, first);
  };
  for await (const row of rows) {
    writer.push(row as Record<string, unknown>);
    if (writer.rows === BATCH) await flush();
  }
  if (writer.rows > 0 || first === 0) await flush();
  return (await sink.finish())!;
}
