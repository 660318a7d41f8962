// The library's own ops on devices without their kernels, where the decomposition that serves everybody is not the best there.
import type { Builder } from "../../builder.js";
import type { Node, Value } from "../../graph.js";
import { type Form, type Forms, number, runtimeZero } from "./forms.js";

/** An axis as the first one. */
function toFront(b: Builder, x: Value, axis: number, count: number): Value {
  if (axis === 0) return x;
  const all = x.shape.map((_, i) => i);
  const moved = all.slice(axis, axis + count);
  return b.transpose(x, [...moved, ...all.filter((i) => !moved.includes(i))]);
}

/**
 * Rows added into zeros at their places. Devices add with atomic operations, which lose nothing; the order of the sum is theirs. The zeros are made by the run: an engine that folds constants
 * would keep them in the size of a vocabulary.
 */
const embeddingGrad: Form = (b, node, [indices, dy, shape]) => {
  const given = number(node.attributes.axis, 0);
  const rank = shape!.content?.length ?? node.outputs[0]!.rank;
  const axis = given < 0 ? given + rank : given;
  const padding = number(node.attributes.padding_idx, -1);
  let rows = toFront(b, dy!, axis, indices!.rank);
  if (padding >= 0) {
    const kept = b.cast(b.unary("Not", b.op("Equal", [indices!, b.scalar(padding, indices!.dtype)])), rows.dtype);
    const after = Array.from({ length: rows.rank - indices!.rank }, (_, i) => indices!.rank + i);
    rows = b.mul(rows, after.length > 0 ? b.unsqueeze(kept, after) : kept);
  }
  const dims = node.outputs[0]!.shape;
  const places = indices!.dtype === "int64" ? indices! : b.cast(indices!, "int64");
  const front = [dims[axis]!, ...dims.filter((_, i) => i !== axis)];
  const zeros = b.expand(runtimeZero(b, indices!, rows.dtype), axis === 0 ? shape! : b.sizes(front, [dy!]));
  const table = b.op("ScatterND", [zeros, b.unsqueeze(places, [indices!.rank]), rows], { reduction: "add" });
  if (axis === 0) return [table];
  const back = dims.map((_, i) => (i === axis ? 0 : i < axis ? i + 1 : i));
  return [b.transpose(table, back)];
};

/** Which rows are ignored, and the classes [.., 1] of all rows, 0 where ignored. */
function labelled(b: Builder, labels: Value, node: Node): { ignored: Value; classes: Value } {
  const ignored = b.op("Equal", [labels, b.scalar(number(node.attributes.ignore_index, -100), labels.dtype)]);
  return { ignored, classes: b.unsqueeze(b.cast(b.where(ignored, b.scalar(0, labels.dtype), labels), "int64"), [-1]) };
}

/** The gradient from the logarithms that the loss was made of: Exp of what is there, rather than exp(x - lse). */
const crossEntropyGrad: Form = (b, node, [dloss, logits, labels]) => {
  const smoothing = number(node.attributes.smoothing, 0);
  const { ignored, classes } = labelled(b, labels!, node);
  let p = b.unary("Exp", b.op("LogSoftmax", [logits!], { axis: -1 }));
  const columns = b.graph.env.resolve(logits!.shape.at(-1)!);
  if (smoothing !== 0) {
    if (typeof columns !== "number") return undefined;
    p = b.addScalar(p, -smoothing / columns);
  }
  const target = b.expand(b.scalar(smoothing - 1, p.dtype), b.sizes(classes.shape, [classes]));
  const difference = b.op("ScatterElements", [p, classes, target], { axis: -1, reduction: "add" });
  return [b.mul(difference, b.unsqueeze(b.where(ignored, b.scalar(0, dloss!.dtype), dloss!), [-1]))];
};

/** x, chosen by a number of what has to come first: x either way, and not the same node as what was computed early. */
const after: Form = (b, _, [x, first]) => {
  const one = b.slice(b.op("Reshape", [first!, b.int64([-1])]), 0, 0, 1);
  const chosen = b.cast(x!.rank === 0 ? b.squeeze(one, [0]) : one, "bool");
  return [b.where(chosen, x!, x!)];
};

/** By op of the domain accelerate_ts. */
export const ownForms: Forms = { EmbeddingGrad: embeddingGrad, CrossEntropyGrad: crossEntropyGrad, After: after };
