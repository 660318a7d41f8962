// DataCollatorWithPadding: encoded rows of different lengths to int64 tensors of the batch's longest.
import type { Tensor } from "../../tensor/index.js";
import type { Batch, MapperDescriptor } from "../types.js";
import { callable } from "./callable.js";
import { type CollateContext, noContext } from "./context.js";
import { Padding, type PaddingOptions, type PaddingRules, type RowsOrColumns, rulesOf, tensorOfColumn } from "./padding.js";

export type { PaddingOptions } from "./padding.js";
type Context = Pick<CollateContext, "floats">;

export type LabelKey<K> = K extends "label" | "label_ids" ? "labels" : K;
export type Padded<R> = string extends keyof R
  ? Batch
  : {
      [K in keyof R as LabelKey<K>]: R[K] extends readonly (readonly number[])[]
        ? Tensor<3>
        : R[K] extends readonly number[]
          ? Tensor<2, "int64">
          : R[K] extends number | boolean
            ? Tensor<1, "int64">
            : never;
    };
export type Paddable<R> = string extends keyof R
  ? unknown
  : { [K in keyof R]: string extends R[K] ? `${K & string} holds text and cannot be padded: removeColumns` : unknown };

/** A collator: call it with rows. One signature only: the loader infers its batches from it. */
export interface DataCollatorWithPadding {
  <R>(rows: (R & Paddable<R>)[]): Padded<R>;
  /** The same of columns, as `dataset.slice(0, 8).toColumns()` gives them. */
  ofColumns<C extends { readonly [K in keyof C]: readonly unknown[] }>(columns: C): Padded<{ [K in keyof C]: C[K] extends readonly (infer E)[] ? E : never }>;
  readonly tokenizer: unknown;
  /** How other threads make it (`numWorkers`). */
  readonly descriptor: MapperDescriptor;
}

/** Calls of an instance pad; `new` gives a function, because collators are functions. */
class CallablePadding {
  constructor(tokenizer: PaddingRules, options: PaddingOptions = {}) {
    // biome-ignore lint/correctness/noConstructorReturn: the instance is the function
    return paddingCall(tokenizer, options, new.target.prototype) as never;
  }
}
Object.setPrototypeOf(CallablePadding.prototype, Function.prototype);

function paddingCall(
  tokenizer: PaddingRules,
  options: PaddingOptions,
  prototype: object = CallablePadding.prototype,
): (rows: RowsOrColumns, context?: Context) => Record<string, Tensor> {
  const padding = new Padding("DataCollatorWithPadding", tokenizer, options);
  const call = (rows: RowsOrColumns, { floats }: Context = noContext()) =>
    Object.fromEntries([...padding.pad(rows, floats)].map(([name, column]) => [name, tensorOfColumn(column)]));
  const descriptor = { module: import.meta.url, name: "paddingCollator", options: { rules: rulesOf(tokenizer), options } };
  return callable(call, prototype, { tokenizer, ofColumns: call }, descriptor);
}
/** The collator in another thread. @internal */
export const paddingCollator = ({ rules, options }: { readonly rules: PaddingRules; readonly options: PaddingOptions }): unknown => paddingCall(rules, options);

/**
 * Pads the rows of a batch with the tokenizer's padding token; `label` and `label_ids` become `labels`. Tensors are int64, input_ids [B, longest], labels [B]
 * (float32 for columns of fractions).
 *
 * @throws ArgumentError ERR_COLLATE that names the column.
 * @example
 * const collateFn = new DataCollatorWithPadding(tokenizer, { padToMultipleOf: 8 });
 * const loader = new DataLoader(tokenized.train, { batchSize: 8, shuffle: true, collateFn });
 */
export const DataCollatorWithPadding = CallablePadding as unknown as { new (tokenizer: object, options?: PaddingOptions): DataCollatorWithPadding };
