// GELU with the bias in front of it becomes one op, whose gradient is one pass over memory.
import type { Graph } from "../../graph.js";
import { biasedSum, customDomain, replaceMatches } from "./match.js";

/** Returns how many were replaced. */
export function fuseGelu(graph: Graph): number {
  return replaceMatches(graph, (node, { b, current }, uses) => {
    const x = node.inputs[0];
    if (node.op !== "Gelu" || node.domain !== "" || x?.dtype !== "float32") return undefined;
    const sum = uses.sole(x) ? biasedSum(graph.env, x.producer) : undefined;
    const inputs = sum ? [current(sum.x), current(sum.bias)] : [current(x)];
    return inputs.every((v) => v) ? [b.op("BiasGelu", inputs, { approximate: node.attributes.approximate ?? "none" }, { domain: customDomain })] : undefined;
  });
}
