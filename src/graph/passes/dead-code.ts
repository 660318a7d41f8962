// Dead code: nodes whose outputs reach no output of the graph.
import type { Graph, Node, Value } from "../graph.js";

/** The nodes that the graph's outputs need, in the graph's order. Does not change the graph. */
export function liveNodes(graph: Graph, outputs: readonly Value[] = graph.outputs): Node[] {
  const live = new Set<Node>();
  const open: Node[] = [];
  const visit = (value: Value | undefined) => {
    const node = value?.producer;
    if (node && !live.has(node)) {
      live.add(node);
      open.push(node);
    }
  };
  for (const value of outputs) visit(value);
  for (let node = open.pop(); node; node = open.pop()) for (const value of node.inputs) visit(value);
  return graph.nodes.filter((node) => live.has(node));
}

/** Takes dead nodes and the constants that only they used out of the graph; inputs stay. Returns how many nodes went. */
export function removeDeadCode(graph: Graph): number {
  const nodes = liveNodes(graph);
  const used = new Set<Value | undefined>(graph.outputs);
  for (const node of nodes) for (const value of node.inputs) used.add(value);
  const removed = graph.nodes.length - nodes.length;
  graph.nodes.splice(0, graph.nodes.length, ...nodes);
  const constants = graph.constants.filter((value) => used.has(value));
  graph.constants.splice(0, graph.constants.length, ...constants);
  return removed;
}
