// A split as a data set: from the cache, or generated.
import { Dataset } from "../dataset/dataset.js";
import type { Table } from "../columns/table.js";
import { Generating } from "./generating.js";
import { concatTables, splitTables } from "./generate.js";
import type { AnyOptions, DataPlan } from "./plan.js";

export async function openSplit(plan: DataPlan, split: string, files: readonly string[], { signal }: AnyOptions): Promise<Dataset<never>> {
  using line = new Generating(split);
  const { features, tables } = await splitTables(plan, files, signal);
  const held: Table[] = [];
  for await (const table of tables()) {
    held.push(table);
    line.add(table.length);
  }
  line.finish();
  return Dataset.ofTable(concatTables(held, features));
}
