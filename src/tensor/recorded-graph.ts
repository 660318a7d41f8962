// The graph that a run of a recorded tensor would compile, for those who look at it instead of running it.
import { dtypes } from "../graph/dtype.js";
import type { Graph, Value } from "../graph/graph.js";
import { plan } from "./plan.js";
import { buildGraph } from "./program.js";
import type { Tensor } from "./tensor.js";

export interface RecordedGraph {
  readonly graph: Graph;
  /** Bytes of one of its values for the sizes that were recorded. */
  bytes(value: Value): number;
}

/**
 * The graph behind a tensor, with its gradients where they are asked for. Nothing is computed, and no engine is needed.
 *
 * @example
 * const { graph } = recordedGraph(model(batch).loss, { backward: true });
 * console.log(graph.nodes.length);
 */
export function recordedGraph(tensor: Tensor, options: { readonly backward: boolean }): RecordedGraph {
  const planned = plan(tensor, options);
  const { graph, symbols } = buildGraph(planned);
  const sizes = new Map(symbols.map(({ name, feed, dim }) => [name, planned.feeds[feed]!.shape[dim]!]));
  return { graph, bytes: ({ shape, dtype }) => shape.reduce<number>((product, dim) => product * graph.env.evaluate(dim, sizes), dtypes[dtype].bytes) };
}
