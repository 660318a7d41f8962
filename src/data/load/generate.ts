// The rows of a split, read from its files: into memory, or table after table to whoever takes them.
import { ArgumentError } from "../../errors.js";
import { concatColumns } from "../columns/column-infer.js";
import type { Features } from "../columns/features.js";
import { RowWriter } from "../columns/row-writer.js";
import { type ColumnView, Table, wholeColumn } from "../columns/table.js";
import type { AnyOptions, DataPlan } from "./plan.js";

/** The tables of a split, and what they hold. */
export interface SplitTables {
  readonly features: Features;
  tables(): AsyncGenerator<Table>;
}

/** Looks into the files as far as it must to know what they hold. @throws DataFileError ERR_DATA_FILE */
export async function splitTables(
  plan: DataPlan,
  files: readonly string[],
  { signal, numProc = 1 }: Pick<AnyOptions, "signal" | "numProc">,
): Promise<SplitTables> {
  const { format, options, features: declared } = plan;
  if (!declared && format.whole) {
    const table = await format.whole(files, options);
    return {
      features: featuresOf(table),
      tables: async function* () {
        if (table.length > 0) yield table;
      },
    };
  }
  const features = declared ?? (await format.features(files, options));
  return {
    features,
    tables: async function* () {
      const threads = Math.min(numProc, files.length);
      if (threads > 1) {
        const { pooledTables } = await import("./read-pool.js");
        yield* pooledTables(plan, files, { features, declared: declared !== undefined }, threads, signal);
        return;
      }
      for (const file of files) {
        for await (const table of format.tables(file, options, { features, declared: declared !== undefined })) {
          signal?.throwIfAborted();
          yield table;
        }
      }
    },
  };
}

export const featuresOf = (table: Table): Features => Object.fromEntries([...table.columns].map(([name, { feature }]) => [name, feature]));

/** One table after the other, of the same columns. */
export function concatTables(tables: readonly Table[], features: Features): Table {
  const [first] = tables;
  if (!first) return new RowWriter(features).finish();
  if (tables.length === 1) return first;
  const columns = new Map<string, ColumnView>();
  for (const [name, { feature }] of first.columns) {
    const parts = tables.map((table) => table.view(name));
    if (parts.some((part) => part.indices)) throw new ArgumentError(`column ${name} is a view`, { code: "ERR_COLUMN_VALUE" });
    columns.set(name, wholeColumn(concatColumns(parts.map((part) => part.data)), feature));
  }
  return new Table(
    columns,
    tables.reduce((sum, table) => sum + table.length, 0),
  );
}
