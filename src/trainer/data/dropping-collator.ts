// A collator that first drops the keys of rows that the model does not take; other threads can make it, too.
import { callable } from "../../data/collate/callable.js";
import { type ExportRef, exportedFunction } from "../../data/loader/exported.js";
import { refOfModule, travellingCollator } from "../../data/loader/travelling.js";
import { isModuleRef } from "../../data/module-ref.js";
import type { CollateContext, ModuleRef } from "../../data/index.js";
import type { MapperDescriptor } from "../../data/types.js";
import type { DataCollator } from "../options.js";
import { droppedColumns, type Signature } from "./columns.js";

type Collate = (rows: unknown[], context: CollateContext) => unknown;
interface Plan {
  readonly signature: Signature;
  readonly description: string;
  readonly inner: ExportRef;
}

/** Rows that are plain objects lose what is not kept; others stay. */
function kept(rows: readonly unknown[], { columns }: Signature): unknown[] {
  const names = new Set(columns);
  return rows.map((row) => {
    const own = namesIn(row);
    if (own.every((name) => names.has(name))) return row;
    return Object.fromEntries(own.flatMap((name) => (names.has(name) ? [[name, (row as Readonly<Record<string, unknown>>)[name]]] : [])));
  });
}
const namesIn = (row: unknown): string[] => (typeof row === "object" && row !== null && !Array.isArray(row) ? Object.keys(row) : []);

function dropping(collate: Collate, { signature, description }: Omit<Plan, "inner">, tell?: (ignored: readonly string[]) => void): Collate {
  let looked = false;
  return (rows, context) => {
    if (!looked) {
      looked = true;
      const ignored = droppedColumns(signature, namesIn(rows[0]), description);
      if (ignored.length > 0) tell?.(ignored);
    }
    return collate(kept(rows, signature), context);
  };
}

/** The collator in another thread. @internal */
export const droppingCollator = async ({ inner, ...plan }: Plan): Promise<unknown> => dropping((await exportedFunction(inner)) as Collate, plan);

/** A module's export, imported with the first batch. */
function importing(ref: ModuleRef): Collate {
  let found: Collate | undefined;
  return async (rows, context) => {
    found ??= (await exportedFunction(refOfModule(ref))) as Collate;
    return found(rows, context);
  };
}

/** @param tell called once with the keys that are dropped, if there are some; not with threads */
export function collatorThatDrops(
  collator: DataCollator,
  plan: Omit<Plan, "inner">,
  tell: (ignored: readonly string[]) => void,
  threads: boolean,
): DataCollator {
  const call = dropping(isModuleRef(collator) ? importing(collator) : (collator as Collate), plan, tell);
  if (!threads) return call as DataCollator;
  const options: Plan = { ...plan, inner: travellingCollator(collator) };
  const descriptor: MapperDescriptor = { module: import.meta.url, name: "droppingCollator", options };
  return callable(call, Function.prototype, {}, descriptor) as DataCollator;
}
