// Normalization over batch, instances and groups in primitives: what gradients, devices without the kernels and layers in training are made of.
import type { Builder } from "../builder.js";
import { typedArray } from "../dtype.js";
import type { Attributes, Value } from "../graph.js";
import type { Decomposition } from "../op-def.js";

export function floatOf(attributes: Attributes, name: string, fallback: number): number {
  const value = attributes[name];
  return typeof value === "object" && "float" in value ? value.float : typeof value === "number" ? value : fallback;
}

/** A vector [C] as [C, 1..], so that it meets dim 1 of a value of a rank. */
const column = (b: Builder, v: Value, rank: number): Value => b.op("Reshape", [v, b.int64([-1, ...new Array<number>(rank - 2).fill(1)])]);
const vector = (b: Builder, v: Value): Value => b.op("Reshape", [v, b.int64([-1])]);
/** 1 / sqrt(variance + epsilon) */
const inverseDeviation = (b: Builder, variance: Value, epsilon: number): Value => b.unary("Reciprocal", b.unary("Sqrt", b.addScalar(variance, epsilon)));

interface Moments {
  readonly centred: Value;
  readonly mean: Value;
  readonly variance: Value;
}
/** Mean and biased variance over axes, which stay as 1. */
function moments(b: Builder, x: Value, axes: readonly number[]): Moments {
  const mean = b.reduce("ReduceMean", x, axes, true);
  const centred = b.sub(x, mean);
  return { centred, mean, variance: b.reduce("ReduceMean", b.mul(centred, centred), axes, true) };
}

/** x [N, C, ..] normalized by the statistics of the batch; mean and biased variance [C]. */
export function batchNormTraining(
  b: Builder,
  x: Value,
  scale: Value | undefined,
  shift: Value | undefined,
  epsilon: number,
): { y: Value; mean: Value; variance: Value } {
  const axes = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
  const { centred, mean, variance } = moments(b, x, axes);
  const inverse = inverseDeviation(b, variance, epsilon);
  const y = b.mul(centred, scale ? b.mul(inverse, column(b, scale, x.rank)) : inverse);
  return { y: shift ? b.add(y, column(b, shift, x.rank)) : y, mean: vector(b, mean), variance: vector(b, variance) };
}

/** x [N, C, ..] normalized by given statistics [C]: one product and one sum over x. */
export function batchNormInference(b: Builder, x: Value, [scale, shift, mean, variance]: readonly Value[], epsilon: number): Value {
  const factor = b.mul(scale!, inverseDeviation(b, variance!, epsilon));
  const rest = b.sub(shift!, b.mul(mean!, factor));
  return b.add(b.mul(x, column(b, factor, x.rank)), column(b, rest, x.rank));
}

/** kept * (1 - momentum) + variance of the batch * momentum, as torch counts it: the batch's variance is the unbiased one. */
export function runningValue(b: Builder, kept: Value, batch: Value, momentum: number): Value {
  return b.add(b.mulScalar(kept, 1 - momentum), b.mulScalar(batch, momentum));
}
/** The unbiased variance [C] of a batch x [N, C, ..] from the biased one. */
export function unbiased(b: Builder, variance: Value, x: Value): Value {
  const total = b.cast(b.unary("Size", x), variance.dtype);
  const channels = b.cast(b.op("Size", [variance]), variance.dtype);
  const rows = b.div(total, channels);
  return b.mul(variance, b.div(rows, b.sub(rows, b.scalar(1, variance.dtype))));
}

/** BatchNormalization, with the statistics of the batch or with given ones. ONNX's momentum is what stays of the running statistics. */
export const decomposeBatchNorm: Decomposition = ({ b, node, inputs }) => {
  const epsilon = floatOf(node.attributes, "epsilon", 1e-5);
  const [x, scale, shift, mean, variance] = inputs as readonly Value[];
  if (node.attributes.training_mode !== 1) return [batchNormInference(b, x!, [scale!, shift!, mean!, variance!], epsilon)];
  const made = batchNormTraining(b, x!, scale, shift, epsilon);
  if (node.outputs.length === 1) return [made.y];
  const momentum = 1 - floatOf(node.attributes, "momentum", 0.9);
  return [made.y, runningValue(b, mean!, made.mean, momentum), runningValue(b, variance!, made.variance, momentum)].slice(0, node.outputs.length);
};

/** InstanceNormalization: x [N, C, ..] over all dims but the first two. */
export const decomposeInstanceNorm: Decomposition = ({ b, node, inputs }) => {
  const [x, scale, shift] = inputs as readonly Value[];
  const axes = x!.shape.map((_, i) => i).slice(2);
  const { centred, variance } = moments(b, x!, axes);
  const factor = b.mul(inverseDeviation(b, variance, floatOf(node.attributes, "epsilon", 1e-5)), column(b, scale!, x!.rank));
  return [b.add(b.mul(centred, factor), column(b, shift!, x!.rank))];
};

/** GroupNormalization: x [N, C, ..] over the channels of each of `num_groups` groups and all dims after them. */
export const decomposeGroupNorm: Decomposition = ({ b, node, inputs }) => {
  const [x, scale, shift] = inputs as readonly Value[];
  const grouped = b.op("Reshape", [x!, b.int64([0, node.attributes.num_groups as number, -1])]);
  const { centred, variance } = moments(b, grouped, [2]);
  const normal = b.reshapeLike(b.mul(centred, inverseDeviation(b, variance, floatOf(node.attributes, "epsilon", 1e-5))), x!);
  return [b.add(b.mul(normal, column(b, scale!, x!.rank)), column(b, shift!, x!.rank))];
};

/** LRN: x / (bias + alpha / size * sum of x^2 over `size` channels around)^beta. */
export const decomposeLrn: Decomposition = ({ b, node, inputs }) => {
  const x = inputs[0]!;
  const size = node.attributes.size as number;
  const ones = b.constant({
    dtype: x.dtype,
    shape: [1, 1, size, ...x.shape.slice(2).map(() => 1)],
    data: typedArray(x.dtype, new Array<number>(size).fill(1)),
  });
  const around = x.shape.slice(2).map(() => 0);
  const pads = [Math.floor((size - 1) / 2), ...around, Math.ceil((size - 1) / 2), ...around];
  const sums = b.squeeze(b.op("Conv", [b.unsqueeze(b.mul(x, x), [1]), ones], { pads }), [1]);
  const base = b.addScalar(b.mulScalar(sums, floatOf(node.attributes, "alpha", 1e-4) / size), floatOf(node.attributes, "bias", 1));
  return [b.mul(x, b.pow(base, b.scalar(-floatOf(node.attributes, "beta", 0.75), x.dtype)))];
};
