// accelerate_ts.CrossEntropy: the loss of each row from logits and class numbers, without a tensor of log-probabilities, and its gradient.
import { ShapeError } from "../../errors.js";
import type { Builder } from "../builder.js";
import type { Decomposition, InferContext, OpDef, OutputSpec } from "../op-def.js";
import type { Attributes, Value } from "../graph.js";
import { define, intAttribute, meet, need, needKind, sameDtype } from "./common.js";

const domain = "accelerate_ts";

function checkRows(ctx: InferContext, logits: Value, rows: readonly Value[]): void {
  needKind(ctx, logits, "float");
  for (const row of rows) {
    const fits = row.shape.length === logits.shape.length - 1 && row.shape.every((d, i) => meet(ctx.env, d, logits.shape[i]!) !== undefined);
    if (!fits) throw new ShapeError(`${row.name} ${ctx.env.show(row.shape)} must have one number for each row of ${ctx.env.show(logits.shape)}`);
  }
}

/**
 * logits [.., V], labels [..] int64 or int32 -> loss [..], 0 where the label is ignore_index, and lse [..], the logarithm of the sum of the row's exponentials;
 * attributes ignore_index (default -100), smoothing (default 0). Labels below 0 count from the end, as in GatherElements.
 */
function crossEntropy(ctx: InferContext): readonly OutputSpec[] {
  const [logits, labels] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, labels, "index");
  checkRows(ctx, logits, [labels]);
  intAttribute(ctx, "ignore_index", -100);
  const row = { dtype: logits.dtype, shape: labels.shape };
  return [row, row];
}

/** dloss [..], logits [.., V], labels [..], lse [..] -> dlogits; attributes as CrossEntropy's. */
function crossEntropyGrad(ctx: InferContext): readonly OutputSpec[] {
  const [dloss, logits, labels, lse] = [need(ctx, 0), need(ctx, 1), need(ctx, 2), need(ctx, 3)];
  needKind(ctx, labels, "index");
  sameDtype(ctx, dloss, logits);
  checkRows(ctx, logits, [dloss, labels, lse]);
  return [{ dtype: logits.dtype, shape: logits.shape }];
}

const smoothingOf = ({ smoothing }: Attributes): number =>
  typeof smoothing === "number" ? smoothing : typeof smoothing === "object" && "float" in smoothing ? smoothing.float : 0;

/** Which rows are ignored; and the classes [.., 1] of all rows, 0 where ignored. */
function labelled(b: Builder, labels: Value, attributes: Attributes): { ignored: Value; classes: Value } {
  const index = typeof attributes.ignore_index === "number" ? attributes.ignore_index : -100;
  const ignored = b.op("Equal", [labels, b.scalar(index, labels.dtype)]);
  // An ignored label reads class 0, whatever that is, and its row is replaced.
  return { ignored, classes: b.unsqueeze(b.cast(b.where(ignored, b.scalar(0, labels.dtype), labels), "int64"), [-1]) };
}

const decomposed: Decomposition = ({ b, node, inputs }) => {
  const [logits, labels] = inputs as readonly [Value, Value];
  const smoothing = smoothingOf(node.attributes);
  const { ignored, classes } = labelled(b, labels, node.attributes);
  const logs = b.op("LogSoftmax", [logits], { axis: -1 });
  const picked = b.squeeze(b.gatherElements(logs, classes, -1), [-1]);
  const target = smoothing === 0 ? picked : b.add(b.mulScalar(picked, 1 - smoothing), b.mulScalar(b.reduce("ReduceMean", logs, [-1]), smoothing));
  const loss = b.neg(b.where(ignored, b.scalar(0, target.dtype), target));
  if (node.outputs.length === 1) return [loss];
  return [loss, b.op("ReduceLogSumExp", [logits, b.int64([-1])], { keepdims: 0 })];
};

/** dloss (exp(x - lse) - target), the target being 1 - smoothing at the label and smoothing / V everywhere. */
const decomposedGrad: Decomposition = ({ b, node, inputs }) => {
  const [dloss, logits, labels, lse] = inputs as readonly [Value, Value, Value, Value];
  const smoothing = smoothingOf(node.attributes);
  const { ignored, classes } = labelled(b, labels, node.attributes);
  let p = b.unary("Exp", b.sub(logits, b.unsqueeze(lse, [-1])));
  if (smoothing !== 0) {
    b.source(logits);
    const count = b.cast(b.squeeze(b.dim(logits.shape.at(-1)!), [0]), logits.dtype);
    p = b.sub(p, b.div(b.scalar(smoothing, logits.dtype), count));
  }
  const ones = b.expand(b.scalar(smoothing - 1, logits.dtype), b.op("Shape", [classes]));
  const difference = b.op("ScatterElements", [p, classes, ones], { axis: -1, reduction: "add" });
  return [b.mul(difference, b.unsqueeze(b.where(ignored, b.scalar(0, dloss.dtype), dloss), [-1]))];
};

export const crossEntropyOps: readonly OpDef[] = [
  { ...define("CrossEntropy", [2, 2], crossEntropy, { domain, outputs: [1, 2] }), decompose: decomposed },
  { ...define("CrossEntropyGrad", [4, 4], crossEntropyGrad, { domain }), decompose: decomposedGrad },
];
