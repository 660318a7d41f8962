// Gradients of embeddings leave the graph as the rows that were looked up: a vocabulary is far larger than a batch.
import { Builder } from "../graph/builder.js";
import type { Graph, Node, Value } from "../graph/graph.js";
import { customDomain } from "../graph/ops/custom.js";
import { removeDeadCode } from "../graph/passes/dead-code.js";
import { Uses } from "../graph/passes/uses.js";

/** A table of fewer elements is written as fast as it is looked at. */
const fewestElements = 1 << 15;
/** Rows per lookup that a table must have at least. */
const sparseness = 2;

/** Whether a gradient is made of lookups alone, of few rows of many. Sums of several lookups, or of a lookup and a product (tied tables), are not. */
function isSparse(graph: Graph, value: Value, node: Node): boolean {
  const [rows, ...others] = value.shape;
  if (node.op !== "EmbeddingGrad" || node.domain !== customDomain || (node.attributes.axis ?? 0) !== 0) return false;
  if (value.dtype !== "float32" || typeof rows !== "number" || others.length === 0) return false;
  const elements = others.reduce<number>((product, d) => product * (typeof d === "number" ? d : 0), rows);
  const lookups = node.inputs[0]!.shape.reduce<number>((product, d) => product * (graph.env.hint(d) ?? Number.POSITIVE_INFINITY), 1);
  return elements >= fewestElements && rows >= sparseness * lookups;
}

/**
 * The last `count` outputs of the graph are gradients. Those that are sparse become the rows that there are, and the rows' numbers are outputs behind them, in their order. Returns of each gradient whether
 * it has become one.
 */
export function leaveAsRows(graph: Graph, count: number, wanted: boolean): boolean[] {
  const first = graph.outputs.length - count;
  const gradients = graph.outputs.slice(first);
  if (!wanted || count === 0) return gradients.map(() => false);
  const uses = new Uses(graph);
  const builder = new Builder(graph);
  const asRows = gradients.map((value, k) => {
    const node = value.producer;
    if (!node || uses.of(value).length > 0 || gradients.indexOf(value) !== k || !isSparse(graph, value, node)) return false;
    const attributes = { padding_idx: node.attributes.padding_idx ?? -1 };
    const [rows, values] = builder.ops("SparseEmbeddingGrad", node.inputs, attributes, { domain: customDomain, outputs: 2 });
    graph.outputs[first + k] = values!;
    graph.output(rows!);
    return true;
  });
  if (asRows.includes(true)) removeDeadCode(graph);
  return asRows;
}
