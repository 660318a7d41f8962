// The columns of a result, in Python's order, and the values of each for a row.
import type { Encoding } from "./encoding.js";
import type { Plan } from "./options.js";

export type ColumnName =
  | "input_ids"
  | "token_type_ids"
  | "attention_mask"
  | "special_tokens_mask"
  | "offset_mapping"
  | "lengths"
  | "overflow_to_sample_mapping";
export type ColumnValue = number | readonly number[] | readonly (readonly [number, number])[];

export interface Column {
  readonly name: ColumnName;
  readonly values: (row: Encoding) => ColumnValue;
}
const columns: readonly (Column & { readonly wanted: (plan: Plan) => boolean })[] = [
  { name: "input_ids", wanted: () => true, values: (row) => row.ids() },
  { name: "token_type_ids", wanted: (plan) => plan.typeIds, values: (row) => row.typeIds() },
  { name: "attention_mask", wanted: (plan) => plan.attentionMask, values: (row) => row.attentionMask() },
  { name: "special_tokens_mask", wanted: (plan) => plan.specialTokensMask, values: (row) => row.specialTokensMask() },
  { name: "offset_mapping", wanted: (plan) => plan.offsets, values: (row) => row.offsets() },
  { name: "lengths", wanted: (plan) => plan.lengths, values: (row) => row.length },
];
/** Without overflow_to_sample_mapping, which is no column of a row alone. */
export const columnsOf = (plan: Plan): readonly Column[] => columns.filter(({ wanted }) => wanted(plan));
