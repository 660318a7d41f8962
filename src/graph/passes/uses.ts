// Who reads each value of a graph.
import type { Graph, Node, Value } from "../graph.js";

/**
 * The readers of a graph's values, as they are when it is made.
 *
 * @example
 * const uses = new Uses(graph);
 * if (uses.sole(value)?.op === "Add") console.log("only an addition reads it");
 */
export class Uses {
  readonly #readers = new Map<Value, Node[]>();
  readonly #outputs: ReadonlySet<Value>;

  constructor(graph: Graph) {
    this.#outputs = new Set(graph.outputs);
    for (const node of graph.nodes) {
      for (const value of new Set(node.inputs)) {
        if (!value) continue;
        const readers = this.#readers.get(value);
        if (readers) readers.push(node);
        else this.#readers.set(value, [node]);
      }
    }
  }

  /** The nodes that read a value, each once, in the graph's order. */
  of(value: Value): readonly Node[] {
    return this.#readers.get(value) ?? [];
  }

  isOutput(value: Value): boolean {
    return this.#outputs.has(value);
  }

  /** The only reader of a value that is no output of the graph; undefined when there are several, or none. */
  sole(value: Value): Node | undefined {
    const readers = this.of(value);
    return readers.length === 1 && !this.#outputs.has(value) ? readers[0] : undefined;
  }
}
