// The order in which the engine comes to what nobody reads any more: the gradients of weights.
import type { Graph, Node } from "../../graph.js";

/** Whether parts of forward are computed again, so that the order decides what they save. */
export const recomputes = (graph: Graph): boolean => graph.nodes.some((node) => node.op === "After" && node.domain === "accelerate_ts");

/**
 * The engine begins with the last node that nobody reads and computes what it needs, then takes the one before. So those stand last that are there first: gradients of weights are made, and what they
 * need is given back, before backward goes on. Otherwise all that was computed again would be held until the end.
 */
export function endsInOrder(graph: Graph): void {
  const read = new Set(graph.nodes.flatMap((node) => node.inputs));
  const depths = new Map<Node, number>();
  for (const node of graph.nodes) depths.set(node, 1 + node.inputs.reduce((most, v) => Math.max(most, (v?.producer && depths.get(v.producer)) ?? 0), 0));
  const isEnd = (node: Node): boolean => !node.outputs.some((out) => read.has(out));
  const ends = graph.nodes.filter(isEnd).sort((a, b) => depths.get(b)! - depths.get(a)!);
  graph.nodes.splice(0, graph.nodes.length, ...graph.nodes.filter((node) => !isEnd(node)), ...ends);
}
