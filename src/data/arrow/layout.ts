// The types of Arrow as they lie in a record batch: which field node and which buffers a column has, and the feature that it is.
import type { PlainFeature } from "../columns/column-data.js";
import { structFeature } from "../columns/features.js";
import type { BinaryType, DecimalType, FixedBinaryType, NumberType, TextType, TimeType } from "../columns/scalars.js";

/** Plain data that survives structured clone; `node` and `buffer` count as in the messages, depth first. */
export type Layout = { readonly node: number; readonly buffer: number } & Form;
export type Form =
  | { readonly kind: "null" }
  | { readonly kind: "number"; readonly type: NumberType }
  | { readonly kind: "time"; readonly type: TimeType; readonly bits: 32 | 64 }
  | { readonly kind: "decimal"; readonly type: DecimalType }
  | { readonly kind: "text"; readonly type: Exclude<TextType, DecimalType>; readonly large: boolean }
  | { readonly kind: "binary"; readonly type: Exclude<BinaryType, FixedBinaryType>; readonly large: boolean }
  | { readonly kind: "fixed-binary"; readonly type: FixedBinaryType; readonly width: number }
  | { readonly kind: "list"; readonly large: boolean; readonly items: Layout }
  | { readonly kind: "fixed-list"; readonly size: number; readonly items: Layout }
  | { readonly kind: "struct"; readonly fields: readonly { readonly name: string; readonly layout: Layout }[] }
  /** Indices into the values of dictionary batches, which are numbered on their own. */
  | { readonly kind: "dictionary"; readonly id: number; readonly indices: NumberType; readonly values: Layout };

/** Buffers of a column itself, without those of its children. */
export const buffersOf: { readonly [K in Form["kind"]]: number } = {
  null: 0,
  number: 2,
  time: 2,
  decimal: 2,
  text: 3,
  binary: 3,
  "fixed-binary": 2,
  list: 2,
  "fixed-list": 1,
  struct: 1,
  dictionary: 2,
};

export function layoutFeature(layout: Layout): PlainFeature {
  switch (layout.kind) {
    case "null":
      return "null";
    case "list":
      return { sequence: layoutFeature(layout.items), ...(layout.large ? { large: true as const } : {}) };
    case "fixed-list":
      return { sequence: layoutFeature(layout.items), length: layout.size };
    case "struct":
      return structFeature(Object.fromEntries(layout.fields.map(({ name, layout: field }) => [name, layoutFeature(field)]))) as PlainFeature;
    case "dictionary":
      return layoutFeature(layout.values);
    default:
      return layout.type;
  }
}

/** Hands out the numbers of nodes and buffers, depth first. */
export class Numbering {
  nodes = 0;
  buffers = 0;
  take(kind: Form["kind"]): { readonly node: number; readonly buffer: number } {
    const own = { node: this.nodes, buffer: this.buffers };
    this.nodes++;
    this.buffers += buffersOf[kind];
    return own;
  }
}
