// The forward graph of a plan: its calls and ops copied into one graph, whose inputs are feeds and parameters.
import { Builder } from "../graph/builder.js";
import { copyNodes } from "../graph/copy-nodes.js";
import type { Dim } from "../graph/dims.js";
import { Graph, type Value } from "../graph/graph.js";
import { tensorOps } from "./ops.js";
import type { Plan, Reference } from "./plan.js";
import type { Tensor } from "./tensor.js";

/** What is bound to an input of the session. */
export type InputSlot =
  | { readonly kind: "feed"; readonly feed: number }
  | { readonly kind: "parameter"; readonly parameter: number }
  /** Dropout's, computed by the host (see host-masks.ts). */
  | { readonly kind: "mask"; readonly mask: number }
  /** Sizes of the run, bound in memory of the host (see sizesFor). */
  | { readonly kind: "sizes"; readonly dims: readonly Dim[]; readonly scalar: boolean };

/** A symbol of the program's graph, and where its size is read. */
export interface SymbolSource {
  readonly name: string;
  readonly feed: number;
  readonly dim: number;
}

export interface ForwardGraph {
  readonly graph: Graph;
  readonly slots: Map<Value, InputSlot>;
  readonly symbols: readonly SymbolSource[];
  /** By position in the plan. */
  readonly feeds: readonly Value[];
  readonly parameters: readonly Value[];
  readonly loss: Value | undefined;
  /** The plan's outputs, in order, then what its calls write into buffers. */
  readonly outputs: readonly Value[];
}

/** Builds the forward graph of a plan; the feeds' sizes become symbols with the sizes of this run as hints. */
export function forwardGraph(plan: Plan): ForwardGraph {
  const graph = new Graph();
  const builder = new Builder(graph);
  const slots = new Map<Value, InputSlot>();
  const symbols: SymbolSource[] = [];

  const feeds = plan.feeds.map((x, feed) => {
    const shape = plan.fixed.has(feed)
      ? x.shape
      : x.shape.map((size, dim) => {
          const name = graph.env.symbol(size, `s${feed}_${dim}`);
          symbols.push({ name, feed, dim });
          return name;
        });
    const value = graph.input(`feed${feed}`, x.dtype, shape);
    slots.set(value, { kind: "feed", feed });
    builder.source(value);
    return value;
  });
  const parameters = plan.parameters.map((p, parameter) => {
    const value = graph.input(p.name || `parameter${p.id}`, p.dtype, p.shape);
    slots.set(value, { kind: "parameter", parameter });
    return value;
  });

  const results: Value[][] = [];
  /** What buffers hold after the calls so far, and all that was written into them. */
  const latest = new Map<Tensor, Value>();
  const updates: Value[] = [];
  const resolve = (r: Reference): Value => (r.kind === "node" ? results[r.node]![r.output]! : r.kind === "feed" ? feeds[r.feed]! : parameters[r.own]!);
  for (const [i, node] of plan.nodes.entries()) {
    const inputs = plan.inputs[i]!.map(resolve);
    const key = node.key && feeds[plan.feeds.indexOf(node.key)]!;
    if (node.kind === "op") {
      results.push([tensorOps[node.op]!(builder, key ? [...inputs, key] : inputs, node.attributes)]);
      continue;
    }
    const { trace } = node;
    const given = new Map<Value, Value>(trace.inputs.map((v, k) => [v, inputs[k]!]));
    for (const [p, v] of trace.parameters) given.set(v, parameters[plan.parameters.indexOf(p)]!);
    for (const [k, { value }] of trace.captured.entries()) given.set(value, latest.get(node.captured[k]!) ?? feeds[plan.feeds.indexOf(node.captured[k]!)]!);
    if (trace.key) given.set(trace.key, key!);
    const values = copyNodes(trace.graph, graph, given);
    results.push(trace.outputs.map((v) => values.get(v)!));
    if (!node.pending) continue;
    for (const { captured, value } of trace.updates) {
      latest.set(node.captured[captured]!, values.get(value)!);
      updates.push(values.get(value)!);
    }
  }

  return { graph, slots, symbols, feeds, parameters, loss: plan.loss && resolve(plan.loss), outputs: [...plan.outputReferences.map(resolve), ...updates] };
}
