// The definition of one op: arity and shape rule.
import type { Dim, Shape, ShapeEnv } from "./dims.js";
import type { DType } from "./dtype.js";
import type { Attributes, Value } from "./graph.js";

/** What a shape rule sees of the node that is being added. */
export interface InferContext {
  readonly env: ShapeEnv;
  readonly op: string;
  /** The node's name, for messages. */
  readonly name: string;
  readonly attributes: Attributes;
  readonly inputs: readonly (Value | undefined)[];
  /** How many outputs the caller wants. */
  readonly outputs: number;
}
export interface OutputSpec {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Known elements of a small int64 vector or scalar (see Value.content). */
  readonly content?: readonly Dim[] | undefined;
}
export type Range = readonly [min: number, max: number];

export interface OpDef {
  readonly op: string;
  /** "" for ONNX's own ops. */
  readonly domain: string;
  readonly inputs: Range;
  readonly outputs: Range;
  /** Dtype and shape of the outputs; throws a ShapeError or ArgumentError that names the node. */
  readonly infer: (ctx: InferContext) => readonly OutputSpec[];
}

export const maxVariadic = Number.MAX_SAFE_INTEGER;

/** Vectors longer than this are data, not sizes: their elements are not followed. */
export const maxContent = 64;

/** More dims than any model has: a limit for what files may claim. */
export const maxRank = 64;
