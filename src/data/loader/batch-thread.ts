// The entry module of a loader's thread: reads rows and makes batches of them, one after the other.
import { Piscina, transferableSymbol, valueSymbol } from "piscina";
import { ArgumentError } from "../../errors.js";
import { registerTypeScript } from "../../register/register.js";
import { threadData } from "../../threads/thread-data.js";
import { failureOf } from "../../threads/failure.js";
import type { CollateContext } from "../collate/context.js";
import { defaultCollate } from "../collate/collate.js";
import { tableOf } from "../columns/table.js";
import { FormattedReader } from "../dataset/format.js";
import type { MapDataset } from "../types.js";
import { type BatchAnswer, type BatchTask, batchForLoader, type ThreadPlan } from "./batch-task.js";
import { putTogether } from "./parts.js";
import { rowAt } from "./rows.js";
import { exported, exportedFunction, type TravellingRows } from "./exported.js";

type Collate = (rows: unknown[], context: CollateContext) => unknown;
interface Maker {
  readonly collate: Collate;
  readonly read: ((index: number) => unknown) | undefined;
}

const plan = threadData<ThreadPlan>();
const own = new URL("../../", import.meta.url).href;
// A thread does not inherit the hooks of the main thread (Node 20); the library's own modules need none.
if ([plan.rows?.kind === "export" ? plan.rows.ref : undefined, plan.collator, plan.init].some((ref) => ref && !ref.url.startsWith(own))) registerTypeScript();

async function reader(rows: TravellingRows): Promise<(index: number) => unknown> {
  if (rows.kind === "table") {
    const shown = new FormattedReader(tableOf(rows.table), rows.format);
    return (index) => shown.row(index);
  }
  const dataset = await exported(rows.ref);
  if (typeof dataset === "object" && dataset !== null && "at" in dataset && typeof dataset.at === "function")
    return (index) => rowAt(dataset as MapDataset<unknown>, index);
  throw new ArgumentError(`${rows.ref.url}: ${rows.ref.name} made no dataset`, {
    code: "ERR_LOADER_DATASET",
    hint: "a descriptor names what makes the same dataset in a thread",
  });
}
async function makerOf({ rows, collator, init, counter }: ThreadPlan): Promise<Maker> {
  const number = Atomics.add(counter, 0, 1);
  if (init) await (await exportedFunction(init))(number);
  return {
    read: rows && (await reader(rows)),
    collate: collator ? ((await exportedFunction(collator)) as Collate) : (batch, context) => defaultCollate(batch, context),
  };
}

let making: Promise<Maker> | undefined;
async function make({ epoch, keys, rows, floats: known }: BatchTask): Promise<{ readonly answer: BatchAnswer; readonly moved: ArrayBuffer[] }> {
  making ??= makerOf(plan);
  const { read, collate } = await making;
  const given = rows ? (putTogether(rows) as unknown[]) : keys.map((key) => read!(key));
  const floats = new Set(known);
  const { parts, moved } = await batchForLoader(await collate(given, { epoch, rows: keys, floats }));
  return { answer: { batch: parts, floats: [...floats] }, moved };
}

let last: Promise<unknown> = Promise.resolve();
/** Errors are returned, not thrown: thrown ones lose their code and class on the way. A collator is never called while an earlier call of it waits. */
export async function makeBatch(task: BatchTask): Promise<unknown> {
  const made = last.then(() => make(task)).catch((error: unknown) => ({ answer: { failure: failureOf(error) }, moved: [] }));
  last = made;
  const { answer, moved } = await made;
  return Piscina.move({ [transferableSymbol]: moved, [valueSymbol]: answer } as never);
}
