// Biases that are added to q, k and v become inputs of attention, and their gradients outputs of its gradient.
import type { Graph, Node, Value } from "../../graph.js";
import { customDomain } from "../../ops/custom.js";
import { biasedSum, reducedAxes, replaceMatches, type Site } from "../fuse/match.js";
import type { Uses } from "../uses.js";

/** Where q, k and v stand among the inputs, and how many inputs there are in front of the biases. */
const layouts: Readonly<Record<string, { readonly first: number; readonly inputs: number; readonly merged: string; readonly outputs: number }>> = {
  Attention: { first: 0, inputs: 7, merged: "BiasAttention", outputs: 0 },
  AttentionGrad: { first: 1, inputs: 8, merged: "BiasAttentionGrad", outputs: 6 },
};
const layoutOf = (node: Node) => (node.domain === customDomain ? layouts[node.op] : undefined);

const isCast = (node: Node): boolean => node.op === "Cast" && node.domain === "";

/** The kernel's name in a kernel set, for numbers of a value's type. */
const named = (op: string, { dtype }: Value): string => (dtype === "float32" ? op : `${op}:${dtype}`);

/** The sums over all rows of a value, or of the value cast to float32. */
function rowSums(value: Value, uses: Uses): Node[] {
  return uses.of(value).flatMap((node) => {
    if (isCast(node) && value.dtype !== "float32" && node.outputs[0]!.dtype === "float32") return rowSums(node.outputs[0]!, uses);
    const axes = node.op === "ReduceSum" && node.domain === "" && value.dtype === "float32" && node.attributes.keepdims === 0 ? reducedAxes(node) : undefined;
    return axes?.length === value.rank - 1 && axes.every((axis, i) => axis === i) ? [node] : [];
  });
}

/** Whether only attentions read a sum. */
const isAttentions = (value: Value, uses: Uses): boolean => !uses.isOutput(value) && uses.of(value).every(layoutOf);

export function mergeAttentionBiases(graph: Graph, kernels: ReadonlySet<string>): number {
  /** What stands for a sum over rows that is made by the gradient of attention. */
  const made = new Map<Node, Value>();
  const merge = (node: Node, { b, current }: Site, uses: Uses): readonly Value[] | undefined => {
    const layout = layoutOf(node);
    if (!layout || !kernels.has(named(layout.merged, node.inputs[layout.first]!))) return undefined;
    const sides = node.inputs.slice(layout.first, layout.first + 3) as Value[];
    const sums = sides.map((side) => (isAttentions(side, uses) ? biasedSum(graph.env, side.producer) : undefined));
    const gradients = layout.outputs === 0 ? [] : node.outputs.map((out) => rowSums(out, uses));
    if (!sums.some(Boolean) && gradients.flat().length === 0) return undefined;
    const inputs = Array.from({ length: layout.inputs }, (_, i) => sums[i - layout.first]?.x ?? node.inputs[i]);
    const all = [...inputs, ...sums.map((sum) => sum?.bias)].map((value) => value && current(value));
    const outputs = b.ops(layout.merged, all, node.attributes, { domain: customDomain, outputs: layout.outputs || node.outputs.length });
    for (const [side, found] of gradients.entries()) for (const sum of found) made.set(sum, outputs[3 + side]!);
    return outputs.slice(0, node.outputs.length);
  };
  return replaceMatches(graph, (node, site, uses) => {
    const sum = made.get(node);
    return sum ? [sum] : merge(node, site, uses);
  });
}
