// Taps: nodes behind the last gradient of each bucket, which tell in the middle of a run that all of them are there.
import { Builder } from "../builder.js";
import type { Graph, Value } from "../graph.js";
import { customDomain } from "../ops/custom.js";
import { endsInOrder } from "./recompute/ends.js";

export interface TappedGradient {
  readonly value: Value;
  /** Where it travels; undefined: with none that could be told of. */
  readonly bucket: number | undefined;
}

/**
 * The last step of all: a tap for each bucket that has gradients in this graph, as outputs behind the others. The engine begins with the last node that nobody reads, so the nodes are put in an order in
 * which the backward comes to each bucket as early as it can, instead of computing what is passed on first and all gradients of weights at the end. Numbers stay the same. Returns the buckets.
 *
 * `apart`: behind its tap the memory of a gradient may be written, so one that other nodes read, too, is copied.
 */
export function insertTaps(graph: Graph, gradients: readonly TappedGradient[], { apart = false }: { readonly apart?: boolean } = {}): readonly number[] {
  const buckets = new Map<number, Value[]>();
  const builder = new Builder(graph);
  const read = new Set(apart ? graph.nodes.flatMap((node) => node.inputs) : []);
  for (const { value, bucket } of gradients) {
    if (bucket === undefined) continue;
    const own = read.has(value) ? builder.op("Identity", [value]) : value;
    graph.outputs[graph.outputs.indexOf(value)] = own;
    buckets.set(bucket, [...(buckets.get(bucket) ?? []), own]);
  }
  for (const [bucket, values] of buckets) graph.output(builder.op("Tap", values, { bucket }, { domain: customDomain }));
  if (buckets.size > 0) endsInOrder(graph);
  return [...buckets.keys()];
}
