// Softmax over the last dim, with the mask that is added in front of it, becomes one op.
import type { Graph, Node, Value } from "../../graph.js";
import type { Uses } from "../uses.js";
import { customDomain, isLastAxis, made, replaceMatches, sameShape } from "./match.js";

/** The scores and the mask of a sum that nothing else reads. */
function masked(graph: Graph, sum: Value, uses: Uses): readonly Value[] | undefined {
  const add: Node | undefined = uses.sole(sum) ? made(sum, "Add") : undefined;
  if (!add) return undefined;
  const [a, b] = add.inputs as [Value, Value];
  if (sameShape(graph.env, a.shape, sum.shape)) return [a, b];
  return sameShape(graph.env, b.shape, sum.shape) ? [b, a] : undefined;
}

/** Returns how many were replaced. */
export function fuseSoftmax(graph: Graph): number {
  return replaceMatches(graph, (node, { b, current }, uses) => {
    const x = node.inputs[0];
    if (node.op !== "Softmax" || node.domain !== "" || x?.dtype !== "float32" || !isLastAxis(node.attributes.axis, -1, x.rank)) return undefined;
    const inputs = (masked(graph, x, uses) ?? [x]).map((v) => current(v));
    return inputs.every((v) => v) ? [b.op("MaskedSoftmax", inputs, {}, { domain: customDomain })] : undefined;
  });
}
