// Which values the gradient flows through: forward from the parameters, backward from the loss, cut at stop edges.
import { isFloat } from "../graph/dtype.js";
import type { Graph, Node, Value } from "../graph/graph.js";
import type { GradientTable } from "./gradient-table.js";
import { stopInputs, stopOps } from "./stops.js";

/** Whether no gradient flows through a node. `_detach` marks an Identity that cuts on purpose; a rule for an op that is a stop makes it none. */
export const stops = (node: Node, rules?: GradientTable): boolean =>
  (node.op === "Identity" && node.attributes._detach === 1) || (node.domain === "" && stopOps.has(node.op) && !rules?.get(node.op));

/** Whether a gradient may flow from the outputs of a node to its i-th input. Indices, shapes and conditions are not floats. */
export function passes(node: Node, i: number): boolean {
  const input = node.inputs[i];
  return input !== undefined && isFloat(input.dtype) && !(node.domain === "" && stopInputs.get(node.op)?.includes(i));
}

export interface Reachability {
  /** The nodes that get gradient nodes, in topological order. */
  readonly nodes: readonly Node[];
  /** The values that depend on one of `wrt`, and these themselves. */
  readonly dependent: ReadonlySet<Value>;
}

/** The part of the graph between `wrt` and the loss. Constants and what only frozen parameters reach is not in it. */
export function reach(graph: Graph, loss: Value, wrt: readonly Value[], rules?: GradientTable): Reachability {
  const dependent = new Set<Value>(wrt);
  const forward: Node[] = [];
  for (const node of graph.nodes) {
    if (stops(node, rules) || !node.inputs.some((v, i) => v !== undefined && dependent.has(v) && passes(node, i))) continue;
    forward.push(node);
    for (const out of node.outputs) if (isFloat(out.dtype)) dependent.add(out);
  }
  const wanted = new Set<Value>([loss]);
  const nodes: Node[] = [];
  for (const node of forward.reverse()) {
    if (!node.outputs.some((v) => wanted.has(v))) continue;
    nodes.push(node);
    for (const [i, v] of node.inputs.entries()) if (v !== undefined && dependent.has(v) && passes(node, i)) wanted.add(v);
  }
  return { nodes: nodes.reverse(), dependent };
}

/** A shortest way from a parameter through a node to the loss, for messages: value names at both ends, node names between. */
export function pathThrough(reachability: Reachability, through: Node, loss: Value, wrt: readonly Value[]): string[] {
  const { nodes, dependent } = reachability;
  const sources = new Set(wrt);
  const active = new Set(nodes);
  const before: string[] = [];
  const consumers = new Map<Value, Node[]>();
  for (const node of nodes) for (const [i, v] of node.inputs.entries()) if (v && passes(node, i)) consumers.set(v, [...(consumers.get(v) ?? []), node]);
  const back = search(
    through,
    (node) => node.inputs.flatMap((v, i) => (v?.producer && dependent.has(v) && passes(node, i) && active.has(v.producer) ? [v.producer] : [])),
    (node) => node.inputs.some((v, i) => v !== undefined && sources.has(v) && passes(node, i)),
  );
  const first = back.at(-1) ?? through;
  const parameter = first.inputs.find((v, i) => v !== undefined && sources.has(v) && passes(first, i));
  if (parameter) before.push(parameter.name);
  before.push(...back.reverse().map((n) => n.name));
  const ahead = search(
    through,
    (node) => node.outputs.flatMap((v) => consumers.get(v) ?? []),
    (node) => node.outputs.includes(loss),
  );
  return [...before, ...ahead.slice(1).map((n) => n.name), loss.name];
}

/** Breadth first from a node; the way to the first node that ends the search, both included. */
function search(start: Node, next: (node: Node) => readonly Node[], ends: (node: Node) => boolean): Node[] {
  const from = new Map<Node, Node | undefined>([[start, undefined]]);
  for (const node of from.keys()) {
    if (ends(node)) {
      const way: Node[] = [];
      for (let n: Node | undefined = node; n; n = from.get(n)) way.unshift(n);
      return way;
    }
    for (const n of next(node)) if (!from.has(n)) from.set(n, node);
  }
  return [start];
}
