// What a gradient rule is, and the table that finds the rule of an op.
import type { Builder } from "../graph/builder.js";
import type { Node, Value } from "../graph/graph.js";

/** What a rule sees of the node whose gradient it writes. */
export interface GradientContext {
  /** Adds nodes to the backward part of the graph. */
  readonly b: Builder;
  readonly node: Node;
  /** The i-th input of the node, which must be there. */
  input(i: number): Value;
  output(i: number): Value;
  /** The gradient of the loss with respect to the i-th output; undefined when the loss does not depend on it. */
  gradOut(i: number): Value | undefined;
  /** Whether the gradient of the i-th input is wanted. What a rule returns for other inputs is not used. */
  needs(i: number): boolean;
}

/**
 * Adds the nodes that compute the gradients of a node's inputs: one value per input, of the input's dtype and shape, or undefined where none
 * is needed or the gradient is zero. At least one `gradOut` is there when a rule is called.
 */
export type GradientRule = (ctx: GradientContext) => readonly (Value | undefined)[];

export interface GradientDef {
  readonly op: string;
  /** "" (the default) for ONNX's own ops. */
  readonly domain?: string;
  readonly rule: GradientRule;
  /** What it takes or leaves out, for docs/operators.md. */
  readonly note?: string;
}

/**
 * Gradient rules by domain and op.
 *
 * @example
 * const rules = new GradientTable([...standardGradients, { op: "Round", rule: ({ gradOut }) => [gradOut(0)] }]);
 * const gradients = differentiate(graph, { loss, wrt, rules });
 */
export class GradientTable {
  readonly #defs = new Map<string, GradientDef>();

  constructor(defs: Iterable<GradientDef>) {
    for (const def of defs) this.register(def);
  }

  register(def: GradientDef): this {
    this.#defs.set(`${def.domain ?? ""}:${def.op}`, def);
    return this;
  }

  get(op: string, domain = ""): GradientRule | undefined {
    return this.#defs.get(`${domain}:${op}`)?.rule;
  }
  /** What is to be known of the rule of an op. */
  noteOf(op: string, domain = ""): string | undefined {
    return this.#defs.get(`${domain}:${op}`)?.note;
  }

  *[Symbol.iterator](): IterableIterator<GradientDef> {
    yield* this.#defs.values();
  }
}
