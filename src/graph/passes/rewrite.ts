// Rebuilding a graph node by node, with something else in the place of some.
import { Builder } from "../builder.js";
import type { Graph, Node, Value } from "../graph.js";

/**
 * What stands in a node's place: one value per output, made with `b` from `inputs`, which are the node's own in the new graph. Undefined leaves the node as it is.
 * Values of constants and of the graph's inputs are the same objects before and after.
 */
export type RewriteRule = (node: Node, inputs: readonly (Value | undefined)[], b: Builder) => readonly Value[] | undefined;

const scopeOf = (node: Node): string => node.name.slice(0, Math.max(0, node.name.lastIndexOf("/")));
const plainName = (node: Node): string => node.name.slice(node.name.lastIndexOf("/") + 1);

/**
 * Rebuilds a graph in place. Inputs stay what they are, outputs keep their positions and names, shapes are inferred anew. What nothing reads any more stays until dead code is
 * removed. Returns the value of the new graph for each of the old.
 *
 * @example
 * rewrite(graph, (node, [x], b) => (node.op === "Identity" ? [x!] : undefined));
 */
export function rewrite(graph: Graph, rule: RewriteRule): Map<Value, Value> {
  const values = new Map<Value, Value>();
  const nodes = graph.nodes.splice(0);
  const builder = new Builder(graph);
  for (const input of graph.inputs) builder.source(input);
  for (const node of nodes) {
    const inputs = node.inputs.map((v) => v && (values.get(v) ?? v));
    builder.scope = scopeOf(node);
    const given = rule(node, inputs, builder);
    if (given) {
      for (const [i, old] of node.outputs.entries()) values.set(old, given[i]!);
      continue;
    }
    if (inputs.every((v, i) => v === node.inputs[i])) {
      graph.nodes.push(node);
      continue;
    }
    const outputs = graph.add(node.op, inputs, node.attributes, {
      domain: node.domain,
      outputs: node.outputs.length,
      scope: builder.scope,
      name: plainName(node),
    });
    for (const [i, old] of node.outputs.entries()) values.set(old, outputs[i]!);
  }
  const taken = new Set<Value>();
  for (const [i, old] of graph.outputs.entries()) {
    let value = values.get(old) ?? old;
    if (value !== old && !taken.has(value)) {
      // An input or a constant keeps its own name.
      if (!value.producer) value = builder.op("Identity", [value], {}, { scope: "" });
      value.name = old.name;
    }
    taken.add(value);
    graph.outputs[i] = value;
  }
  return values;
}
