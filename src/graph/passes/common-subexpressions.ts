// Common subexpressions: nodes of one op with the same inputs and attributes become one.
import type { AttributeValue, Graph, Node, Value } from "../graph.js";
import { equalConstants } from "./equal-constants.js";

/** Ops that give something else each time they are run. The library's own Dropout is not among them: its mask is a function of its key. */
const random = new Set([":Dropout"]);

function attributeKey(value: AttributeValue): string | undefined {
  // Tensors and bytes are not compared: such nodes stay as they are.
  return typeof value === "object" && ("dtype" in value || value instanceof Uint8Array) ? undefined : JSON.stringify(value);
}

/** What makes two nodes the same; undefined for nodes that are never merged. */
function key(node: Node, idOf: (value: Value) => number): string | undefined {
  if (random.has(`${node.domain}:${node.op}`)) return undefined;
  const parts = [node.domain, node.op, node.outputs.length, node.inputs.map((v) => (v ? idOf(v) : "")).join(",")];
  for (const name of Object.keys(node.attributes).sort()) {
    const text = attributeKey(node.attributes[name]!);
    if (text === undefined) return undefined;
    parts.push(`${name}=${text}`);
  }
  return parts.join("|");
}

/**
 * Merges equal nodes, the first one staying. Outputs of the graph stay what they are. Returns, for every value that is no longer
 * made, the one that took its place.
 */
export function shareSubexpressions(graph: Graph): Map<Value, Value> {
  const replaced = new Map<Value, Value>();
  for (const [value, same] of equalConstants(graph.constants)) if (value !== same && !graph.outputs.includes(value)) replaced.set(value, same);
  const ids = new Map<Value, number>();
  const idOf = (value: Value): number => {
    const id = ids.get(value) ?? ids.size;
    ids.set(value, id);
    return id;
  };
  const outputs = new Set(graph.outputs);
  const first = new Map<string, Node>();
  const nodes = graph.nodes.filter((node) => {
    for (const [i, value] of node.inputs.entries()) if (value) node.inputs[i] = replaced.get(value) ?? value;
    const k = key(node, idOf);
    const same = k === undefined ? undefined : first.get(k);
    if (!same || node.outputs.some((value) => outputs.has(value))) {
      if (k !== undefined && !same) first.set(k, node);
      return true;
    }
    for (const [i, value] of node.outputs.entries()) replaced.set(value, same.outputs[i]!);
    return false;
  });
  graph.nodes.splice(0, graph.nodes.length, ...nodes);
  const constants = graph.constants.filter((value) => !replaced.has(value));
  graph.constants.splice(0, graph.constants.length, ...constants);
  return replaced;
}
