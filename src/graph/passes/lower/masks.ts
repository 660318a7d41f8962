// Dropout on devices that cannot draw: its masks are inputs of the graph, made by the host with the same bits.
import type { Dim } from "../../dims.js";
import { Builder } from "../../builder.js";
import type { Graph, Value } from "../../graph.js";
import { number } from "./forms.js";
import { rewrite } from "../rewrite.js";

/** A mask: what Dropout makes of ones. */
export interface MaskInput {
  /** The graph's input, float32 of `shape`. */
  readonly value: Value;
  /** int64 [4]: an input of the graph. */
  readonly key: Value;
  readonly ratio: number;
  readonly site: number;
  readonly shape: readonly Dim[];
}

/**
 * Replaces all Dropout nodes by products with masks. Forward and backward of a site share one. Rows with places of their own have no mask here: passes that make such rows decline on these
 * devices.
 */
export function masksFromHost(graph: Graph): MaskInput[] {
  const masks = new Map<string, MaskInput>();
  rewrite(graph, (node, [x, key, places], b) => {
    if (node.op !== "Dropout" || node.domain !== "accelerate_ts" || places || !graph.inputs.includes(key!)) return undefined;
    const [ratio, site] = [number(node.attributes.ratio, 0.5), number(node.attributes.site, 0)];
    const shape = graph.env.resolveShape(x!.shape);
    const name = `${key!.name} ${site} ${ratio} ${shape.join()}`;
    let mask = masks.get(name);
    if (!mask) {
      mask = { value: graph.input(`mask${masks.size}`, "float32", shape), key: key!, ratio, site, shape };
      masks.set(name, mask);
    }
    return [b.mul(x!, new Builder(graph, { scope: b.scope }).cast(mask.value, x!.dtype))];
  });
  return [...masks.values()];
}
