// Ops without a kernel for float16 or bfloat16: they are computed in float32, with casts around.
import { Builder } from "../../builder.js";
import { type DType, dtypes } from "../../dtype.js";
import type { Graph, Node, Value } from "../../graph.js";
import { dropCastChains } from "../autocast.js";
import { rewrite } from "../rewrite.js";

/** The narrow type among a node's values; undefined: none. */
export function narrowOf(node: Node): "float16" | "bfloat16" | undefined {
  for (const x of [...node.inputs, ...node.outputs]) if (x?.dtype === "float16" || x?.dtype === "bfloat16") return x.dtype;
  return undefined;
}

/** Computes the chosen nodes in float32. */
export function widen(graph: Graph, chosen: (node: Node, narrow: "float16" | "bfloat16") => boolean): number {
  let changes = 0;
  const wide = new Map<Value, Value>();
  rewrite(graph, (node, inputs, b) => {
    const narrow = narrowOf(node);
    if (!narrow || (node.domain === "" && node.op === "Cast") || !chosen(node, narrow)) return undefined;
    changes++;
    const inner = new Builder(graph, { scope: b.scope });
    const cast = (x: Value, to: DType) => inner.op("Cast", [x], { to: dtypes[to].onnx, _autocast: 1 });
    const given = inputs.map((x) => {
      if (x?.dtype !== narrow) return x;
      const made = wide.get(x) ?? cast(x, "float32");
      wide.set(x, made);
      return made;
    });
    const made = inner.ops(node.op, given, node.attributes, { domain: node.domain, outputs: node.outputs.length });
    return made.map((y, i) => (node.outputs[i]!.dtype === narrow && y.dtype === "float32" ? cast(y, narrow) : y));
  });
  if (changes > 0) dropCastChains(graph, false);
  return changes;
}
