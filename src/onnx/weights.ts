// Which tensors of an ONNX file are weights, which are statistics that a forward in training updates, and which belong to the graph.
import type { OnnxSource, SourceNode, SourceTensor } from "../graph/onnx/source.js";

export type TensorRole = "parameter" | "statistic" | "constant";

/** Inputs that are settings of an op, not operands. */
const settings: Readonly<Record<string, readonly number[]>> = { Clip: [1, 2], Pad: [2], Resize: [1, 2], Dropout: [1], Pow: [1], Range: [0, 1, 2], OneHot: [2] };
/** Inputs that the op itself updates in training. */
const statistics: Readonly<Record<string, readonly number[]>> = { BatchNormalization: [3, 4] };
/** No weight is so far from zero; what a mask adds to scores is. */
const maxWeight = 1e9;

function* readersOf(nodes: readonly SourceNode[]): Generator<readonly [name: string, node: SourceNode, position: number]> {
  for (const node of nodes) {
    for (const [i, name] of node.inputs.entries()) yield [name, node, i];
    for (const branch of node.graphs.values()) yield* readersOf(branch.nodes);
  }
}

/** Ops that lay numbers out anew, or scale them. */
const carriers: ReadonlySet<string> = new Set([
  "Cast",
  "Concat",
  "Expand",
  "Flatten",
  "Identity",
  "MatMul",
  "Mul",
  "Reshape",
  "Slice",
  "Squeeze",
  "Transpose",
  "Unsqueeze",
]);

/** Names whose numbers go nowhere but into sines and cosines: the frequencies of rotary embeddings, which are set and not learned. */
function frequencies(nodes: readonly SourceNode[]): ReadonlySet<string> {
  const found = new Set<string>();
  const readers = new Map<string, SourceNode[]>();
  for (const [name, node] of readersOf(nodes)) readers.set(name, [...(readers.get(name) ?? []), node]);
  const ends = (node: SourceNode): boolean =>
    node.domain === "" && (node.op === "Cos" || node.op === "Sin" || (carriers.has(node.op) && node.outputs.length === 1 && found.has(node.outputs[0]!)));
  // Readers stand behind what they read: from the end, all of a value's have been looked at.
  const look = (name: string): void => {
    if (readers.get(name)?.every(ends)) found.add(name);
  };
  for (const node of nodes.toReversed()) {
    for (const name of node.outputs) look(name);
  }
  for (const name of readers.keys()) look(name);
  return found;
}

/**
 * What each tensor of the graph is. Weights are initializers of float32 with at least one dim that some node reads as an operand; numbers of rank 0, settings of ops, frequencies and
 * masks (numbers beyond 1e9) are constants.
 */
export function rolesOf(source: OnnxSource, nodes: readonly SourceNode[]): ReadonlyMap<SourceTensor, TensorRole> {
  const operands = new Set<string>();
  const updated = new Set<string>();
  for (const [name, { op, domain }, i] of readersOf(nodes)) {
    if (domain === "" && statistics[op]?.includes(i)) updated.add(name);
    else if (domain !== "" || !settings[op]?.includes(i)) operands.add(name);
  }
  const set = frequencies(nodes);
  const isWeight = ({ inNode, name, data }: SourceTensor): boolean =>
    !inNode &&
    operands.has(name) &&
    !set.has(name) &&
    data.dtype === "float32" &&
    data.shape.length > 0 &&
    (data.data as Float32Array).every((x) => Math.abs(x) < maxWeight);
  const role = (tensor: SourceTensor): TensorRole =>
    !tensor.inNode && updated.has(tensor.name) && tensor.data.dtype === "float32" ? "statistic" : isWeight(tensor) ? "parameter" : "constant";
  return new Map(source.graph.tensors.map((tensor) => [tensor, role(tensor)]));
}
