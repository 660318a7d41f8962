// The definition of one op: arity, shape rule, and its form in other ops where it has one.
import type { Builder } from "./builder.js";
import type { Dim, Shape, ShapeEnv } from "./dims.js";
import type { DType } from "./dtype.js";
import type { Attributes, Node, Value } from "./graph.js";

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
/** What a decomposition sees of the node that it replaces. */
export interface DecomposeContext {
  /** Adds nodes in the node's place. */
  readonly b: Builder;
  /** The node to be replaced: its attributes, and how many outputs are wanted. Its inputs are to be taken from `inputs`. */
  readonly node: Node;
  readonly inputs: readonly (Value | undefined)[];
}
/** Adds the nodes that compute a node's outputs; returns one value per output. */
export type Decomposition = (ctx: DecomposeContext) => readonly Value[];
export type Range = readonly [min: number, max: number];

export interface OpDef {
  readonly op: string;
  /** "" for ONNX's own ops. */
  readonly domain: string;
  readonly inputs: Range;
  readonly outputs: Range;
  /** Dtype and shape of the outputs; throws a ShapeError or ArgumentError that names the node. */
  readonly infer: (ctx: InferContext) => readonly OutputSpec[];
  /** The op in other ops of the table: for devices without its kernel, for gradients where it has no rule, for exports, and as the oracle of its tests. */
  readonly decompose?: Decomposition;
  /** The engine has no kernel for it, or for some of its forms no right one: it is decomposed whenever a graph is compiled. */
  readonly composite?: boolean | ((node: Node) => boolean);
}

export const maxVariadic = Number.MAX_SAFE_INTEGER;

/** Vectors longer than this are data, not sizes: their elements are not followed. */
export const maxContent = 64;

/** More dims than any model has: a limit for what files may claim. */
export const maxRank = 64;
