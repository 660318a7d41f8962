// One graph's nodes and constants in another graph, where shapes are inferred anew.
import type { Graph, Node, Value } from "./graph.js";

/** Puts something else in the place of a node, whose inputs are those of the new graph; undefined leaves it as it is. */
export type Lower = (node: Node, inputs: readonly (Value | undefined)[], scope: string) => readonly Value[] | undefined;

const scopeOf = (node: Node): string => node.name.slice(0, Math.max(0, node.name.lastIndexOf("/")));

/**
 * Copies a graph into another one, in whose sizes shapes are then inferred.
 *
 * @param given values of `to` in the place of the inputs of `from`
 * @returns the value of `to` for each of `from`
 */
export function copyNodes(from: Graph, to: Graph, given: ReadonlyMap<Value, Value>, lower?: Lower): Map<Value, Value> {
  const values = new Map(given);
  for (const c of from.constants) values.set(c, to.constant(c.constant!, c.name));
  for (const node of from.nodes) {
    const inputs = node.inputs.map((v) => (v ? values.get(v) : undefined));
    const scope = scopeOf(node);
    const outputs = lower?.(node, inputs, scope) ?? to.add(node.op, inputs, node.attributes, { domain: node.domain, outputs: node.outputs.length, scope });
    for (const [i, out] of node.outputs.entries()) values.set(out, outputs[i]!);
  }
  return values;
}
