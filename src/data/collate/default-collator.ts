// DefaultDataCollator: rows of equal lengths as a model's batch, without padding.
import type { Tensor } from "../../tensor/index.js";
import type { Batch, MapperDescriptor } from "../types.js";
import { callable } from "./callable.js";
import { defaultCollate } from "./collate.js";
import { type CollateContext, noContext } from "./context.js";
import { batchKey, collateFault } from "./padding.js";
import type { LabelKey } from "./padding-collator.js";

/** Texts and null are left out; `label` and `label_ids` become `labels`. */
export type DefaultCollated<R> = string extends keyof R
  ? Batch
  : {
      [K in keyof R as R[K] extends string | null | undefined ? never : LabelKey<K>]: R[K] extends Tensor<infer N>
        ? Tensor<N extends 0 ? 1 : N extends 1 ? 2 : number>
        : R[K] extends readonly (readonly number[])[]
          ? Tensor<3>
          : R[K] extends readonly number[]
            ? Tensor<2>
            : Tensor<1>;
    };
export interface DefaultDataCollator {
  <R>(rows: R[]): Promise<DefaultCollated<R>>;
  /** How other threads make it (`numWorkers`). */
  readonly descriptor: MapperDescriptor;
}

const fault = collateFault("defaultDataCollator");
type Context = Pick<CollateContext, "floats">;

async function collateDefault(rows: readonly object[], context: Context = noContext()): Promise<Record<string, unknown>> {
  const [first] = rows as readonly Readonly<Record<string, unknown>>[];
  if (first === undefined) throw fault("got", "no rows", "a batch holds at least one");
  if (rows.some((row) => typeof row !== "object" || row === null || Array.isArray(row)))
    throw fault("a row", "is no object", "rows are objects of numbers and lists; defaultCollate stacks others");
  // Only the first row is asked what there is; label before label_ids.
  const both = first.label !== undefined && first.label !== null;
  const names = Object.keys(first).filter(
    (name) => !(first[name] === null || first[name] === undefined || typeof first[name] === "string") && !(name === "label_ids" && both),
  );
  const kept = rows.map((row) => Object.fromEntries(names.map((name) => [name, (row as Readonly<Record<string, unknown>>)[name]])));
  if (names.length === 0) throw fault("the rows", "hold no numbers", "tokenize them first");
  const batch = (await defaultCollate(kept, context)) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(batch).map(([name, value]) => [batchKey(name), value]));
}

const descriptor: MapperDescriptor = { module: import.meta.url, name: "defaultCollator", options: undefined };
/** The collator in another thread. @internal */
export const defaultCollator = (): unknown => collateDefault;

/**
 * Stacks rows that have equal lengths already: `label` and `label_ids` become `labels`, whole numbers int64 and others float32; texts and null are left out, as the first row has them.
 *
 * @throws ArgumentError ERR_COLLATE that names the key when rows differ in shape or kind.
 * @example
 * await defaultDataCollator([{ input_ids: [1, 2], label: 1, text: "a" }]); // { input_ids: int64 [1, 2], labels: int64 [1] }
 */
export const defaultDataCollator: DefaultDataCollator = callable(
  (rows: readonly object[], context?: Context) => collateDefault(rows, context),
  Function.prototype,
  {},
  descriptor,
) as unknown as DefaultDataCollator;

class CallableDefault {
  constructor() {
    // biome-ignore lint/correctness/noConstructorReturn: the instance is the function
    return callable((rows: readonly object[], context?: Context) => collateDefault(rows, context), new.target.prototype, {}, descriptor) as never;
  }
}
Object.setPrototypeOf(CallableDefault.prototype, Function.prototype);
/** `defaultDataCollator` as a class. */
export const DefaultDataCollator = CallableDefault as unknown as { new (): DefaultDataCollator };
