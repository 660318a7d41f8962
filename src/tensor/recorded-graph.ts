// The graph that a run of a recorded tensor would compile, for those who look at it instead of running it.
import { type GraphCost, graphCost } from "../graph/cost.js";
import type { Dim } from "../graph/dims.js";
import { dtypes } from "../graph/dtype.js";
import type { Graph, Value } from "../graph/graph.js";
import type { CompilerOptions } from "./compiler-options.js";
import { plan } from "./plan.js";
import { buildGraph } from "./program.js";
import type { Tensor } from "./tensor.js";

export interface RecordedGraph {
  readonly graph: Graph;
  /** Bytes of one of its values for the sizes that were recorded; sizes that only a run can tell are their hints. */
  bytes(value: Value): number;
  /** What a run costs. */
  cost(): GraphCost;
}

/**
 * The graph behind a tensor, with its gradients where they are asked for. Nothing is computed, and no engine is needed.
 *
 * @example
 * const { graph } = recordedGraph(model(batch).loss, { backward: true });
 * console.log(graph.nodes.length);
 */
export function recordedGraph(tensor: Tensor, options: { readonly backward: boolean; readonly compiler?: CompilerOptions }): RecordedGraph {
  const planned = plan(tensor, options);
  const { graph, symbols } = buildGraph(planned, options.compiler);
  const { env } = graph;
  const sizes = new Map(symbols.map(({ name, feed, dim }) => [name, planned.feeds[feed]!.shape[dim]!]));
  const size = (dim: Dim): number => {
    const resolved = env.resolve(dim);
    return env.isUnknown(resolved) ? (env.hint(resolved) ?? 0) : env.evaluate(resolved, sizes);
  };
  return {
    graph,
    bytes: ({ shape, dtype }) => shape.reduce<number>((product, dim) => product * size(dim), dtypes[dtype].bytes),
    cost: () => graphCost(graph, sizes),
  };
}
