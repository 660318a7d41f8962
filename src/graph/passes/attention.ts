// The pass that puts the op Attention in the place of scaled dot-product attention.
import type { Builder } from "../builder.js";
import type { Graph, Node, Value } from "../graph.js";
import { removeDeadCode } from "./dead-code.js";
import { MaskReader } from "./attention/mask-tree.js";
import { emit } from "./attention/mask-use.js";
import { type ReadMasks, readMasks } from "./attention/masks.js";
import { type AttentionMatch, attentionAttributes, AttentionMatcher, type Heads } from "./attention/match.js";
import type { GraphPass, PassContext } from "./pass.js";
import { rewrite } from "./rewrite.js";
import { Uses } from "./uses.js";

interface Planned {
  readonly match: AttentionMatch;
  readonly masks: ReadMasks;
  /** The same for attentions with the same masks: these share the key bias. */
  readonly biasKey: string;
}

/** The attentions of a graph by the node that each replaces. */
function plan(graph: Graph, context: PassContext): Map<Node, Planned> {
  const matcher = new AttentionMatcher(graph, new Uses(graph));
  const reader = new MaskReader(graph);
  const numbers = new Map<Value, number>();
  const numberOf = (value: Value): number => {
    const known = numbers.get(value) ?? numbers.size;
    numbers.set(value, known);
    return known;
  };
  const read = new Map<string, ReadMasks | undefined>();
  const found = new Map<Node, Planned>();
  for (const node of graph.nodes) {
    if (node.op !== "Softmax" || node.domain !== "") continue;
    const match = matcher.match(node);
    if (!match) continue;
    const biasKey = match.masks.map((m) => (m.kind === "add" ? `+${numberOf(m.value)}` : `${m.masked ? "?" : "!"}${numberOf(m.condition)}`)).join();
    if (!read.has(biasKey)) {
      const masks = readMasks(reader, match.masks);
      read.set(biasKey, masks && (!masks.assumption || context.assume(masks.assumption)) ? masks : undefined);
    }
    const masks = read.get(biasKey);
    if (masks) found.set(match.end, { match, masks, biasKey });
  }
  return found;
}

/** Rows [B, S, heads * size]: those that the heads were split from, or the heads put together. */
function rowsOf(b: Builder, { rows, heads, turned }: Heads, current: (value: Value) => Value, count: number): Value {
  if (rows) return current(rows);
  const size = b.graph.env.resolve(heads.shape[turned ? 2 : 3]!) as number;
  return b.op("Reshape", [b.transpose(current(heads), turned ? [0, 3, 1, 2] : [0, 2, 1, 3]), b.int64([0, 0, count * size])]);
}

/** The sum of all that is added to scores by key, as [B, Sk] or [1, Sk]. */
function keyBias(b: Builder, masks: ReadMasks, current: (value: Value) => Value): Value | undefined {
  const parts = masks.biases.map((mask) => emit(b, mask, current)!);
  if (parts.length === 0) return undefined;
  const sum = parts.reduce((x, y) => b.add(x, y));
  return sum.rank === 1 ? b.unsqueeze(sum, [0]) : sum;
}

function run(graph: Graph, context: PassContext): number {
  const planned = plan(graph, context);
  if (planned.size === 0) return 0;
  const values = new Map<Value, Value>();
  const current = (value: Value): Value => values.get(value) ?? value;
  const biases = new Map<string, Value | undefined>();
  rewrite(graph, (node, inputs, b) => {
    for (const [i, old] of node.inputs.entries()) if (old) values.set(old, inputs[i]!);
    const found = planned.get(node);
    if (!found) return undefined;
    const { match, masks, biasKey } = found;
    const [q, k, v] = [match.q, match.k, match.v].map((side) => rowsOf(b, side, current, match.count)) as [Value, Value, Value];
    if (!biases.has(biasKey)) biases.set(biasKey, keyBias(b, masks, current));
    const all = [q, k, v, biases.get(biasKey), match.dropout && current(match.dropout.key)];
    while (all.at(-1) === undefined) all.pop();
    const y = b.op("Attention", all, attentionAttributes(match, masks.causal), { domain: "accelerate_ts" });
    if (match.endIs === "rows") return [y];
    if (match.endIs === "flat") return [b.op("Reshape", [y, b.int64([-1, match.count * match.valueSize])])];
    return [b.transpose(b.op("Reshape", [y, b.int64([0, 0, match.count, match.valueSize])]), [0, 2, 1, 3])];
  });
  removeDeadCode(graph);
  return planned.size;
}

/**
 * softmax(scale q k^T + mask) v, heads split and merged around it, becomes one node. It declines where something else reads the weights, and where the mask depends on heads or queries otherwise than
 * by causality. A mask of the keys stays a value of the graph.
 */
export const attentionPass: GraphPass = {
  name: "attention",
  stage: "forward",
  says: "scaled dot-product attention becomes one op that stores no weights",
  run,
};
