// Several files read at the same time, each by a thread; their tables come in the order of the files.
import { AccelerateError } from "../../errors.js";
import { causeOf, startThreads } from "../../threads/index.js";
import type { Features } from "../columns/features.js";
import { featuresToJson } from "../columns/hf-features.js";
import { type ColumnView, Table, wholeColumn } from "../columns/table.js";
import { DataFileError } from "./files.js";
import type { KnownRows } from "./formats.js";
import type { DataPlan } from "./plan.js";
import type { ReadResult, ReadTask } from "./read-thread.js";

function tablesOf(result: ReadResult, file: string, features: Features): readonly Table[] {
  if ("tables" in result) {
    return result.tables.map(({ length, columns }) => {
      const views = Object.entries(features).map(([name, feature], i): [string, ColumnView] => [name, wholeColumn(columns[i]!, feature)]);
      return new Table(new Map(views), length);
    });
  }
  const { name, message, code, line, byte } = result.failure;
  if (name !== "DataFileError") throw new AccelerateError(code ?? "ERR_DATA_FILE", `${file}: ${message}`, { cause: causeOf(result.failure) });
  // The message begins with the place, which the error puts there again.
  const place = line === undefined ? file : `${file}:${line}${byte === undefined ? "" : ` (byte ${byte})`}`;
  throw new DataFileError(file, message.startsWith(`${place}: `) ? message.slice(place.length + 2) : message, {
    ...(line === undefined ? {} : { line }),
    ...(byte === undefined ? {} : { byte }),
  });
}

/** As many files as there are threads lie in memory at a time. @throws DataFileError ERR_DATA_FILE */
export async function* pooledTables(
  plan: DataPlan,
  files: readonly string[],
  rows: KnownRows,
  threads: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Table> {
  await using pool = startThreads<ReadTask, ReadResult>({ module: new URL("./read-thread.js", import.meta.url), name: "readFileTables", threads });
  const features = featuresToJson(rows.features);
  const read = (file: string): Promise<ReadResult> => {
    const result = pool.run({ builder: plan.format.name, file, options: plan.options, features, declared: rows.declared }, signal);
    result.catch(() => {}); // told of when its turn comes
    return result;
  };
  try {
    const running = files.slice(0, threads).map(read);
    for (const [i, file] of files.entries()) {
      const result = await running.shift()!;
      yield* tablesOf(result, file, rows.features);
      const next = files[i + threads];
      if (next !== undefined) running.push(read(next));
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
