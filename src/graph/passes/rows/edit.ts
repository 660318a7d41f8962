// Changing a graph's nodes where they are: other values in the place of some, order by need, taking back what was added.
import type { Graph, Node, Value } from "../../graph.js";

/** Takes an edit back. */
export type Undo = () => void;

/** Whoever read the old values reads the new ones, outputs of the graph included. No new value may be made of the old one in whose place it is. */
export function replaceValues(graph: Graph, replaced: ReadonlyMap<Value, Value>): Undo {
  const undo: Undo[] = [];
  for (const node of graph.nodes) {
    for (const [i, value] of node.inputs.entries()) {
      const other = value && replaced.get(value);
      if (!other) continue;
      node.inputs[i] = other;
      undo.push(() => {
        node.inputs[i] = value;
      });
    }
  }
  for (const [i, value] of graph.outputs.entries()) {
    const other = replaced.get(value);
    if (!other) continue;
    const names = [value.name, other.name] as const;
    [other.name, value.name] = names;
    graph.outputs[i] = other;
    undo.push(() => {
      [value.name, other.name] = names;
      graph.outputs[i] = value;
    });
  }
  return () => {
    for (const step of undo.reverse()) step();
  };
}

/** Brings nodes into an order in which each stands behind what it reads; otherwise they stay in theirs. */
export function sortNodes(graph: Graph): void {
  const sorted: Node[] = [];
  const state = new Map<Node, "open" | "done">();
  for (const first of graph.nodes) {
    const stack = [first];
    for (let node = stack.at(-1); node; node = stack.at(-1)) {
      const seen = state.get(node);
      const missing = seen ? [] : node.inputs.flatMap((v) => (v?.producer && !state.has(v.producer) ? [v.producer] : []));
      if (!seen) state.set(node, "open");
      if (missing.length > 0) {
        for (let i = missing.length - 1; i >= 0; i--) stack.push(missing[i]!);
        continue;
      }
      stack.pop();
      if (state.get(node) === "open") {
        state.set(node, "done");
        sorted.push(node);
      }
    }
  }
  graph.nodes.splice(0, graph.nodes.length, ...sorted);
}

/** What a graph was, to be able to take back what is added to it. */
export class Mark {
  readonly #graph: Graph;
  readonly #nodes: number;
  readonly #constants: number;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#nodes = graph.nodes.length;
    this.#constants = graph.constants.length;
  }

  /** Takes away nodes and constants that were added since. */
  undo(): void {
    this.#graph.nodes.splice(this.#nodes);
    this.#graph.constants.splice(this.#constants);
  }
}
