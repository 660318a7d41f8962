// An Attention node by the names of its inputs.
import type { Builder } from "../../builder.js";
import type { Graph, Node, Value } from "../../graph.js";

export class Attention {
  readonly node: Node;

  constructor(node: Node) {
    this.node = node;
  }

  static all(graph: Graph): Attention[] {
    return graph.nodes.flatMap((node) => (node.op === "Attention" && node.domain === "accelerate_ts" ? [new Attention(node)] : []));
  }

  get k(): Value {
    return this.node.inputs[1]!;
  }
  get v(): Value {
    return this.node.inputs[2]!;
  }
  get keyBias(): Value | undefined {
    return this.node.inputs[3];
  }
  get kPlaces(): Value | undefined {
    return this.node.inputs[6];
  }

  /** The same attention over a list of keys of which none is hidden. */
  withKeys(b: Builder, k: Value, v: Value, places: Value): readonly Value[] {
    const [q, , , , key, qPlaces] = this.node.inputs;
    const scope = b.scope;
    b.scope = this.node.name.slice(0, Math.max(0, this.node.name.lastIndexOf("/")));
    const outputs = b.ops("Attention", [q, k, v, undefined, key, qPlaces, places], this.node.attributes, { domain: this.node.domain, outputs: 2 });
    b.scope = scope;
    return outputs;
  }
}
