// Losses: one number, or one per row, from what a model says and what is true.
import { ArgumentError, ShapeError } from "../errors.js";
import { apply, cat } from "../tensor/index.js";
import type { Scalar, Tensor } from "../tensor/index.js";
import { checkLabels } from "./check-indices.js";
import { logSoftmax } from "./functional.js";
import { sameSizes, sizesInCall } from "./sizes.js";

const show = (x: Tensor, count?: number): string => `[${sizesInCall(x).slice(0, count).join(", ")}]`;

export type Reduction = "mean" | "sum" | "none";

export interface CrossEntropyOptions {
  /** "mean" is over the rows that are not ignored; default. "none" gives one loss per row, 0 where ignored. */
  readonly reduction?: Reduction;
  /** Rows with this label count for nothing; default -100. */
  readonly ignoreIndex?: number;
  /** Part of the target that is spread evenly over all classes, 0 to 1: https://arxiv.org/abs/1512.00567. */
  readonly labelSmoothing?: number;
}

/**
 * -log softmax(logits)[label], torch's cross_entropy with the classes in the last dim.
 *
 * @param logits [..., C], not normalised
 * @param labels [...] int64 or int32, 0 to C - 1 or `ignoreIndex`
 * @throws ShapeError when the labels do not have the logits' sizes without the classes; ArgumentError ERR_LABEL_RANGE for a label that is no class
 * @example
 * const loss = crossEntropy(tensor([[2, 0], [0, 1]]), tensor([0, 1], { dtype: "int64" }));
 * console.log(await loss.item()); // 0.2201
 */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions & { readonly reduction: "none" }): Tensor<1, "float32">;
export function crossEntropy(logits: Tensor, labels: Tensor, options?: CrossEntropyOptions & { readonly reduction?: "mean" | "sum" }): Scalar;
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor<number, "float32"> {
  const { reduction = "mean", ignoreIndex = -100, labelSmoothing = 0 } = options;
  if (labels.dtype !== "int64" && labels.dtype !== "int32") {
    throw new ArgumentError(`crossEntropy: labels are ${labels.dtype}, class numbers are needed`, {
      code: "ERR_DTYPE",
      hint: 'tensor(values, { dtype: "int64" }) or labels.to("int64")',
    });
  }
  if (labels.rank !== logits.rank - 1) {
    throw new ShapeError(`crossEntropy: logits of rank ${logits.rank} take labels of rank ${logits.rank - 1}, not ${labels.rank}`, {
      hint: "logits are [..., classes], labels [...]",
    });
  }
  if (!sameSizes(logits, labels, labels.rank)) {
    throw new ShapeError(`crossEntropy: logits ${show(logits)} take labels ${show(logits, labels.rank)}, not ${show(labels)}`, {
      hint: "there is one label for each row of logits",
    });
  }
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) throw new ArgumentError(`crossEntropy: labelSmoothing is a number from 0 to 1, not ${labelSmoothing}`);
  checkLabels(labels, logits, ignoreIndex);
  return apply("crossEntropy", [logits, labels], { reduction, ignoreIndex, labelSmoothing }) as Tensor<number, "float32">;
}

export interface LossOptions {
  readonly reduction?: Reduction;
}

function reduce(values: Tensor, reduction: Reduction): Tensor<number, "float32"> {
  return (reduction === "none" ? values : reduction === "sum" ? values.sum() : values.mean()) as Tensor<number, "float32">;
}

function needSameShape(who: string, x: Tensor, y: Tensor): void {
  if (x.rank !== y.rank || !sameSizes(x, y, x.rank))
    throw new ShapeError(`${who}: prediction ${show(x)}, target ${show(y)}`, {
      hint: "both must have one shape: broadcasting them would pair every row with every other",
    });
}

/**
 * (x - y)^2, its mean unless told.
 *
 * @example
 * console.log(await mseLoss(tensor([1, 2]), tensor([1, 4])).item()); // 2
 */
export function mseLoss(x: Tensor, y: Tensor, options: LossOptions & { readonly reduction: "none" }): Tensor<number, "float32">;
export function mseLoss(x: Tensor, y: Tensor, options?: LossOptions & { readonly reduction?: "mean" | "sum" }): Scalar;
export function mseLoss(x: Tensor, y: Tensor, options: LossOptions = {}): Tensor<number, "float32"> {
  needSameShape("mseLoss", x, y);
  const difference = x.sub(y.to("float32"));
  return reduce(difference.mul(difference), options.reduction ?? "mean");
}

/**
 * -(y log s(x) + (1 - y) log(1 - s(x))), s the logistic function: binary cross-entropy of independent labels.
 *
 * Both logarithms come from one logSoftmax of (x/2, -x/2), which neither overflows nor has a kink at 0.
 *
 * @param x logits, any shape
 * @param y targets from 0 to 1, of x's shape
 * @example
 * console.log(await bceWithLogits(tensor([0, 0]), tensor([1, 0])).item()); // 0.6931
 */
export function bceWithLogits(x: Tensor, y: Tensor, options: LossOptions & { readonly reduction: "none" }): Tensor<number, "float32">;
export function bceWithLogits(x: Tensor, y: Tensor, options?: LossOptions & { readonly reduction?: "mean" | "sum" }): Scalar;
export function bceWithLogits(x: Tensor, y: Tensor, options: LossOptions = {}): Tensor<number, "float32"> {
  needSameShape("bceWithLogits", x, y);
  const half = x.mul(0.5).unsqueeze(-1);
  const target = y.to("float32").unsqueeze(-1);
  const logs = logSoftmax(cat([half, half.neg()], -1), -1);
  const targets = cat([target, target.neg().add(1)], -1);
  return reduce((logs.mul(targets) as Tensor).sum(-1).neg(), options.reduction ?? "mean");
}
