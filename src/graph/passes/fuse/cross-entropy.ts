// The log-probability of a label, picked from a LogSoftmax, becomes a cross entropy that makes no tensor of log-probabilities, in neither direction.
import { float, type Graph, type Node, type Value } from "../../graph.js";
import type { Uses } from "../uses.js";
import { customDomain, isLastAxis, made, reducesLast, replaceMatches, scalarOf, type Site } from "./match.js";

/** A label that is never ignored: what is to be ignored the graph replaces by itself, behind the op. */
const none = -(2 ** 31);

interface Picked {
  readonly logits: Value;
  /** [.., 1]. */
  readonly indices: Value;
  /** The node of the LogSoftmax. */
  readonly logs: Node;
}

/** LogSoftmax of float32 over the last dim, of which one element of each row is picked. */
function pickedOf(node: Node | undefined): Picked | undefined {
  if (node?.op !== "GatherElements" || node.domain !== "") return undefined;
  const [values, indices] = node.inputs as [Value, Value];
  const logs = made(values, "LogSoftmax");
  const rank = values.rank;
  if (!logs || values.dtype !== "float32" || rank < 2) return undefined;
  const last = isLastAxis(logs.attributes.axis, -1, rank) && isLastAxis(node.attributes.axis, 0, rank) && indices.shape.at(-1) === 1;
  return last ? { logits: logs.inputs[0]!, indices, logs } : undefined;
}

/** -crossEntropy, of the picked rows' shape without the last dim; undefined where the leading dims are not those of the logits. */
function emit(graph: Graph, { logits, indices }: Picked, smoothing: number, { b, current }: Site): Value | undefined {
  const { env } = graph;
  if (!logits.shape.slice(0, -1).every((d, i) => env.equal(d, indices.shape[i]!))) return undefined;
  const unsqueezed = made(indices, "Unsqueeze");
  const axes = unsqueezed?.inputs[1]?.content;
  const flat = unsqueezed && axes?.length === 1 && isLastAxis(axes[0], 0, indices.rank) ? current(unsqueezed.inputs[0]!) : undefined;
  const [x, picks] = [current(logits), current(indices)];
  if (!x || !picks) return undefined;
  const labels = flat ?? b.squeeze(picks, [-1]);
  const attributes = { ignore_index: none, ...(smoothing === 0 ? {} : { smoothing: float(smoothing) }) };
  return b.neg(b.ops("CrossEntropy", [x, labels], attributes, { domain: customDomain, outputs: 2 })[0]!);
}

/** A constant factor and what it is multiplied with. */
function scaled(value: Value | undefined): { readonly factor: number; readonly value: Value } | undefined {
  const product = made(value, "Mul");
  if (!product) return undefined;
  const [a, b] = product.inputs as [Value, Value];
  const [fa, fb] = [scalarOf(a), scalarOf(b)];
  if (fb !== undefined && b.rank === 0) return { factor: fb, value: a };
  return fa !== undefined && a.rank === 0 ? { factor: fa, value: b } : undefined;
}

/** (1 - s) squeeze(picked) + s mean(logs): label smoothing, on either side of the Add. */
function smoothed(add: Node, uses: Uses): { readonly picked: Picked; readonly smoothing: number } | undefined {
  if (add.op !== "Add" || add.domain !== "") return undefined;
  for (const [first, second] of [add.inputs, add.inputs.toReversed()]) {
    const [label, spread] = [scaled(first), scaled(second)];
    if (!label || !spread || Math.abs(label.factor + spread.factor - 1) > 1e-6) continue;
    const squeeze = made(label.value, "Squeeze");
    const picked = pickedOf(squeeze?.inputs[0]?.producer);
    const mean = made(spread.value, "ReduceMean");
    if (!picked || !mean || mean.inputs[0]?.producer !== picked.logs || !reducesLast(mean) || mean.attributes.keepdims !== 0) continue;
    if (uses.of(picked.logs.outputs[0]!).length !== 2 || uses.isOutput(picked.logs.outputs[0]!)) continue;
    return { picked, smoothing: spread.factor };
  }
  return undefined;
}

/** Returns how many were replaced. */
export function fuseCrossEntropy(graph: Graph): number {
  return replaceMatches(graph, (node, site, uses) => {
    const both = smoothed(node, uses);
    if (both && both.smoothing > 0 && both.smoothing < 1) {
      const loss = emit(graph, both.picked, both.smoothing, site);
      return loss && [loss];
    }
    const picked = pickedOf(node);
    // Where somebody else reads the log-probabilities they are there anyway.
    if (!picked || uses.sole(picked.logs.outputs[0]!) !== node) return undefined;
    const loss = emit(graph, picked, 0, site);
    return loss && [site.b.unsqueeze(loss, [-1])];
  });
}
