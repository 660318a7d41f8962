// What nodes cost: floating-point operations and bytes moved, by the op and the sizes of its tensors.
import { dtypes } from "./dtype.js";
import type { Graph, Node, Value } from "./graph.js";

export interface Cost {
  /** Floating-point operations: a multiplication with an addition counts as two, a transcendental function as one. */
  readonly flops: number;
  /** Read and written, each input and output once. 0 for what only gives memory another shape. */
  readonly bytes: number;
}

/** A tensor as far as it costs. */
export interface SizedTensor {
  readonly shape: readonly number[];
  readonly bytesPerElement: number;
}
type Tensors = readonly (SizedTensor | undefined)[];
type Flops = (inputs: Tensors, outputs: Tensors) => number;

const count = (x: SizedTensor | undefined): number => x?.shape.reduce((n, d) => n * d, 1) ?? 0;
const dim = (x: SizedTensor | undefined, axis: number): number => x?.shape.at(axis) ?? 1;

/** C = A B, either of them transposed: as many products as C has elements, each as long as what A has beside C's rows. */
const product: Flops = ([a], [c]) => {
  if (!a || !c) return 0;
  const length = a.shape.length < 2 ? dim(a, 0) : (dim(a, -1) * dim(a, -2)) / Math.max(1, c.shape.length < 2 ? 1 : dim(c, -2));
  return 2 * count(c) * length;
};
/** Each output element is a sum over the weights of its channel. */
const convolution: Flops = ([, w], [y]) => (2 * count(y) * count(w)) / Math.max(1, dim(w, 0));
/** Each input element meets the weights of its channel. */
const transposedConvolution: Flops = ([x, w]) => (2 * count(x) * count(w)) / Math.max(1, dim(w, 0));

/** Of packed rows the lengths are not known: as if there were 16 sequences. */
const packedSequences = 16;
/** `factor` operations per query channel and key. */
const attention =
  (q: number, factor: number): Flops =>
  (inputs) => {
    const key = inputs[q + 1];
    return factor * count(inputs[q]) * (key?.shape.length === 3 ? dim(key, 1) : dim(key, 0) / packedSequences);
  };
const perInput =
  (factor: number, input = 0): Flops =>
  (inputs) =>
    factor * count(inputs[input]);
const perOutput: Flops = (_, outputs) => Math.max(0, ...outputs.map(count));
const nothing: Flops = () => 0;

const products: Readonly<Record<string, Flops>> = {
  MatMul: product,
  FusedMatMul: product,
  Gemm: product,
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  // Scores and weighted sums; backward the scores again and four products of their size.
  Attention: attention(0, 4),
  AttentionGrad: attention(1, 10),
  BiasAttention: attention(0, 4),
  BiasAttentionGrad: attention(1, 10),
};
const table: Readonly<Record<string, Flops>> = {
  ...products,
  Softmax: perInput(4),
  LogSoftmax: perInput(4),
  MaskedSoftmax: perInput(5),
  SoftmaxGrad: perInput(4),
  CrossEntropy: perInput(4),
  CrossEntropyGrad: perInput(4, 1),
  LayerNormalization: perInput(7),
  DropoutAddLayerNorm: perInput(10),
  DropoutAddLayerNormGrad: perInput(12),
  LayerNormOfNarrow: perInput(10),
  LayerNormGradOfSum: perInput(12),
  Gelu: perInput(8),
  BiasGelu: perInput(9),
  BiasGeluGrad: perInput(14),
  ScatterND: perInput(1, 2),
  ScatterElements: perInput(1, 2),
  EmbeddingGrad: perInput(1, 1),
};
for (const op of ["CumSum", "ArgMax", "ArgMin"]) Object.assign(table, { [op]: perInput(1) });
for (const op of ["Transpose", "Concat", "Split", "Slice", "Gather", "GatherND", "GatherElements", "Expand", "Tile", "Pad"])
  Object.assign(table, { [op]: nothing });
for (const op of ["Cast", "Where", "ConstantOfShape", "Range", "NonZero", "OneHot"]) Object.assign(table, { [op]: nothing });

/** They give memory another name. */
const free: ReadonlySet<string> = new Set(["Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Shape", "Size"]);

/** Whether an op is a matrix product, a convolution or attention: what model-FLOPs utilisation counts. */
export const isProduct = (op: string): boolean => Object.hasOwn(products, op);

/**
 * What one application of an op costs. Ops that are not known count as one operation per output element.
 *
 * @param op without its domain
 * @example
 * opCost("MatMul", [{ shape: [8, 4], bytesPerElement: 4 }, { shape: [4, 2], bytesPerElement: 4 }], [{ shape: [8, 2], bytesPerElement: 4 }]).flops; // 128
 */
export function opCost(op: string, inputs: Tensors, outputs: Tensors): Cost {
  if (free.has(op)) return { flops: 0, bytes: 0 };
  const rule = table[op] ?? (op.startsWith("Reduce") ? perInput(1) : perOutput);
  const bytes = [...inputs, ...outputs].reduce((sum, x) => sum + count(x) * (x?.bytesPerElement ?? 0), 0);
  return { flops: rule(inputs, outputs), bytes };
}

/** Sums over a graph's nodes. */
export interface GraphCost extends Cost {
  readonly nodes: number;
  /** Of matrix products, convolutions and attention alone. */
  readonly productFlops: number;
}

/**
 * What a graph costs for given sizes of its symbols. A size that only a run can tell is its hint where it has one, else 0.
 *
 * @example
 * console.log(graphCost(graph, new Map([["batch", 16]])).flops);
 */
export function graphCost(graph: Graph, symbols: ReadonlyMap<string, number>): GraphCost {
  const { env } = graph;
  const size = (d: number | string): number => {
    const resolved = env.resolve(d);
    return env.isUnknown(resolved) ? (env.hint(resolved) ?? 0) : env.evaluate(resolved, symbols);
  };
  const sized = new Map<Value, SizedTensor>();
  const tensorOf = (value: Value | undefined): SizedTensor | undefined => {
    if (!value) return undefined;
    const known = sized.get(value) ?? { shape: value.shape.map(size), bytesPerElement: dtypes[value.dtype].bytes };
    sized.set(value, known);
    return known;
  };
  const costOf = (node: Node): Cost => opCost(node.op, node.inputs.map(tensorOf), node.outputs.map(tensorOf));
  let flops = 0;
  let bytes = 0;
  let productFlops = 0;
  for (const node of graph.nodes) {
    const cost = costOf(node);
    flops += cost.flops;
    bytes += cost.bytes;
    if (isProduct(node.op)) productFlops += cost.flops;
  }
  return { nodes: graph.nodes.length, flops, bytes, productFlops };
}
