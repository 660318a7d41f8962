// tokenizer.pad: rows that were tokenized before, to one width.
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { type BatchEncoding, type Columns, encodedLists, encodedTensors } from "./batch-encoding.js";
import type { Filling } from "./encoding.js";
import { type PlanDefaults, planOf, type TokenizeOptions, widthOf } from "./options.js";
import { tokenLookup } from "./token-lookup.js";

export interface PadOptions extends Pick<TokenizeOptions, "padding" | "paddingSide" | "maxLength" | "padToMultipleOf" | "returnAttentionMask"> {
  readonly returnTensors?: boolean;
}
type Row = { readonly input_ids: readonly number[] };
/** Columns of rows, or a list of rows. */
export type PadInput = { readonly input_ids: readonly (readonly number[])[] } | readonly Row[];
type RowOf<I> = I extends readonly (infer R)[] ? R : { [K in keyof I]: I[K] extends readonly (infer E)[] ? E : never };
type WithMask<R> = R & { readonly attention_mask: readonly number[] };
type Lists<R> = { [K in keyof R]: R[K][] };
type Tensors<R> = { [K in keyof R]: R[K] extends readonly number[] ? Tensor<2, "int64"> : Tensor<1, "int64"> };
export type Padded<I, O> = BatchEncoding<O extends { readonly returnTensors: true } ? Tensors<WithMask<RowOf<I>>> : Lists<WithMask<RowOf<I>>>>;

/** What the places of a column are filled with; other columns stay as they are. */
const fills: Readonly<Record<string, (filling: Filling) => number>> = {
  input_ids: ({ id }) => id,
  token_type_ids: ({ type }) => type,
  attention_mask: () => 0,
  special_tokens_mask: () => 1,
};

function columnsOf(encoded: PadInput): Record<string, readonly unknown[]> {
  if (!Array.isArray(encoded)) return { ...(encoded as unknown as Record<string, readonly unknown[]>) };
  const rows = encoded as readonly Readonly<Record<string, unknown>>[];
  return Object.fromEntries(Object.keys(rows[0] ?? { input_ids: [] }).map((name) => [name, rows.map((row) => row[name])]));
}

/** @throws ArgumentError ERR_TEXT_INPUT when there is no input_ids, and those of planOf. */
export function padRows(encoded: PadInput, options: PadOptions, defaults: PlanDefaults): BatchEncoding<never> {
  const columns = columnsOf(encoded);
  const ids = columns.input_ids as readonly (readonly number[])[] | undefined;
  if (!Array.isArray(ids) || ids.some((row) => !Array.isArray(row)))
    throw new ArgumentError(`pad was given ${Object.keys(columns).join(", ") || "nothing"} and no rows of input_ids`, {
      code: "ERR_TEXT_INPUT",
      hint: "give rows or columns as a tokenizer makes them",
    });
  const { returnTensors, ...rest } = options;
  // maxLength without truncation: nothing is cut here.
  const plan = planOf({ padding: true, truncation: false, addSpecialTokens: false, ...rest }, defaults, false);
  const longest = ids.reduce((most, row) => Math.max(most, row.length), 0);
  const width = widthOf(plan.padding, longest);
  const all = plan.attentionMask && !columns.attention_mask ? { ...columns, attention_mask: ids.map((row) => row.map(() => 1)) } : columns;
  const out: Record<string, readonly unknown[]> = {};
  for (const [name, cells] of Object.entries(all)) {
    const fill = Object.hasOwn(fills, name) ? fills[name]!(plan.filling) : undefined;
    out[name] = fill === undefined ? cells : cells.map((cell) => padded(cell as readonly number[], width, fill, plan.filling.side));
  }
  const done = out as Columns;
  return (returnTensors ? encodedTensors : encodedLists)(done, ids.length, tokenLookup([])) as BatchEncoding<never>;
}

function padded(values: readonly number[], width: number, fill: number, side: "right" | "left"): readonly number[] {
  if (values.length >= width) return values;
  const gap = new Array<number>(width - values.length).fill(fill);
  return side === "right" ? [...values, ...gap] : [...gap, ...values];
}
