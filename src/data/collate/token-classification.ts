// DataCollatorForTokenClassification: as DataCollatorWithPadding, and one label for every token.
import type { Tensor } from "../../tensor/index.js";
import type { Batch, MapperDescriptor } from "../types.js";
import { callable } from "./callable.js";
import { type CollateContext, noContext } from "./context.js";
import { Padding, type PaddingOptions, type PaddingRules, type RowsOrColumns, rulesOf, tensorOfColumn } from "./padding.js";
import type { LabelKey } from "./padding-collator.js";

export interface TokenClassificationOptions extends PaddingOptions {
  /** What labels of padding are; losses leave it out. Default -100. */
  readonly labelPadTokenId?: number;
}
export type TokenClassificationBatch<R> = string extends keyof R
  ? Batch
  : { [K in keyof R as LabelKey<K>]: R[K] extends readonly number[] ? Tensor<2, "int64"> : Tensor<1> };
export interface DataCollatorForTokenClassification {
  <R>(rows: R[]): TokenClassificationBatch<R>;
  readonly tokenizer: unknown;
  /** How other threads make it (`numWorkers`). */
  readonly descriptor: MapperDescriptor;
}
type Context = Pick<CollateContext, "floats">;

class CallableCollator {
  constructor(tokenizer: PaddingRules, options: TokenClassificationOptions = {}) {
    // biome-ignore lint/correctness/noConstructorReturn: the instance is the function
    return collatorCall(tokenizer, options, new.target.prototype) as never;
  }
}
Object.setPrototypeOf(CallableCollator.prototype, Function.prototype);

function collatorCall(tokenizer: PaddingRules, options: TokenClassificationOptions, prototype: object = CallableCollator.prototype): unknown {
  const { labelPadTokenId: fill = -100, ...given } = options;
  const padding = new Padding("DataCollatorForTokenClassification", tokenizer, given);
  const fills = { labels: fill, label: fill, label_ids: fill };
  const call = (rows: RowsOrColumns, { floats }: Context = noContext()) =>
    Object.fromEntries([...padding.pad(rows, floats, fills)].map(([name, column]) => [name, tensorOfColumn(column)]));
  const descriptor = { module: import.meta.url, name: "tokenClassificationCollator", options: { rules: rulesOf(tokenizer), options } };
  return callable(call, prototype, { tokenizer }, descriptor);
}
/** The collator in another thread. @internal */
export const tokenClassificationCollator = ({ rules, options }: { readonly rules: PaddingRules; readonly options: TokenClassificationOptions }): unknown =>
  collatorCall(rules, options);

/**
 * Pads rows, and the labels of their tokens with -100 on the same side.
 *
 * @throws ArgumentError ERR_COLLATE that names the column.
 * @example
 * const collateFn = new DataCollatorForTokenClassification(tokenizer);
 * const batch = collateFn([{ input_ids: [1, 2], labels: [0, 3] }, { input_ids: [1], labels: [0] }]); // labels [[0, 3], [0, -100]]
 */
export const DataCollatorForTokenClassification = CallableCollator as unknown as {
  new (tokenizer: object, options?: TokenClassificationOptions): DataCollatorForTokenClassification;
};
