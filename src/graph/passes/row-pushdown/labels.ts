// Losses of few tokens: where most labels are ignored, what leads to the loss is computed for the others only.
import type { Builder } from "../../builder.js";
import type { Graph, Node, Value } from "../../graph.js";
import { removeDeadCode } from "../dead-code.js";
import type { FedData } from "../assumptions.js";
import type { PassContext } from "../pass.js";
import { demandRows } from "../rows/demand.js";
import { replaceValues, sortNodes } from "../rows/edit.js";
import type { Evaluation } from "../rows/evaluate.js";
import { builderOf, canRead, evaluation, know } from "../rows/known-data.js";
import { type MaskedSum, maskedSums, totalOf, type Zeroing } from "../rows/masked-sums.js";
import { Packer } from "../rows/packer.js";
import { type Lead, RowSet, type RowSpace } from "../rows/row-set.js";
import { maskedBias } from "../rows/places.js";

/** With more of the tokens than this the gathers would cost about what they save. */
const mostTokens = 0.75;

/** The dims behind a value with rows: its own first two, or those of what it was flattened from. */
function spaceOf(value: Value): { readonly space: RowSpace; readonly lead: Lead } | undefined {
  const of = (x: Value): RowSpace => ({ batch: x.shape[0]!, tokens: x.shape[1]! });
  if (value.rank >= 2) return { space: of(value), lead: 2 };
  // [B * S]: what it is made of was flattened somewhere.
  const seen = new Set<Node>();
  const open: Value[] = value.rank === 1 ? [value] : [];
  for (const x of open) {
    const node = x.producer;
    if (!node || seen.has(node) || seen.size > 200) continue;
    seen.add(node);
    const from = node.op === "Reshape" ? node.inputs[0] : undefined;
    if (from && from.rank >= 3 && from.shape.at(-1) === x.shape.at(-1) && x.rank === from.rank - 1) return { space: of(from), lead: 1 };
    for (const input of node.inputs) if (input) open.push(input);
  }
  return undefined;
}

/** Rows that count: those that a mask does not make 0. */
const counts = ({ where }: Zeroing, x: number): boolean => (x !== 0) === (where === "zero");

/** The rows that count, as a set. */
function countedRows(b: Builder, space: RowSpace, lead: Lead, { value, where }: Zeroing, count: number): RowSet {
  const trailing = value.shape.slice(lead).map((_, i) => i + lead);
  const flat = trailing.length > 0 ? b.squeeze(value, trailing) : value;
  const set = b.cast(flat, "bool");
  const found = b.op("NonZero", [where === "zero" ? set : b.unary("Not", set)], { _hint: count });
  return new RowSet(b, space, lead === 2 ? { places: b.transpose(found, [1, 0]) } : { flat: b.squeeze(found, [0]) }, { ordered: true });
}

/** The tokens of the batch that are no padding, as far as attention tells; else all. */
function tokensOf(values: Evaluation, bias: Value | undefined, rows: number): number {
  const data = bias && values.of(bias).data;
  return data?.length === rows ? data.filter((x) => x > maskedBias).length : rows;
}

function push(graph: Graph, context: PassContext, sum: MaskedSum): number {
  const found = spaceOf(sum.value);
  if (!found || !canRead(graph, found.space)) return 0;
  const { space, lead } = found;
  const demand = demandRows(graph, space, [{ value: sum.value, lead }], { readers: new Set([sum.node]), ordered: true });
  const pushed = demand ? [...demand.plans.values()].filter((plan) => plan.heavy).length : 0;
  if (!demand || pushed === 0) return 0;
  for (const zeroing of sum.zeroing) {
    const bias = graph.nodes.find((node) => node.op === "Attention" && node.inputs[3])?.inputs[3];
    const both = bias && know(graph, context, [zeroing.value, bias]);
    const known = both ?? know(graph, context, [zeroing.value]);
    if (!known) continue;
    const countIn = (values: Evaluation): number => values.of(zeroing.value).data.filter((x) => counts(zeroing, x)).length;
    const few = (values: Evaluation): boolean => {
      const count = countIn(values);
      return count > 0 && count <= mostTokens * tokensOf(values, both && bias, values.of(zeroing.value).data.length);
    };
    const holds = (data: readonly FedData[]): boolean => few(evaluation(known.inputs, data));
    if (!context.assume({ name: `some rows of ${sum.node.name} count, and not most`, inputs: known.inputs, holds })) continue;
    const count = countIn(known.values);
    const b = builderOf(graph);
    b.scope = "rows";
    const packer = new Packer(b, demand, countedRows(b, space, lead, zeroing, count));
    replaceValues(graph, new Map([[sum.node.outputs[0]!, totalOf(b, sum, packer.of(sum.value))]]));
    sortNodes(graph);
    removeDeadCode(graph);
    return pushed;
  }
  return 0;
}

/** Computes what leads to sums over tokens only for the tokens that count. Returns how many heavy nodes have fewer rows now. */
export function pushLabels(graph: Graph, context: PassContext): number {
  let pushed = 0;
  const tried = new Set<Node>();
  for (;;) {
    const next = maskedSums(graph, spaceOf).find(({ node, total }) => total && !tried.has(node));
    if (!next) return pushed;
    tried.add(next.node);
    pushed += push(graph, context, next);
  }
}
