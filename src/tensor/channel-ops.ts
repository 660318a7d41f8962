// The ops of tensors [N, C, spatial..]: convolutions, pools, statistics of channels, other sizes.
import { ShapeError } from "../errors.js";
import type { Builder } from "../graph/builder.js";
import { typedArray } from "../graph/dtype.js";
import { float, type Value } from "../graph/graph.js";
import { unbiased } from "../graph/ops/batch-norm-parts.js";
import { windowCounts, windowsOf } from "../graph/ops/conv-geometry.js";
import type { OpAttributes } from "./ops.js";

type Emit = (b: Builder, inputs: readonly Value[], attributes: OpAttributes) => Value;
const number = (a: OpAttributes, key: string): number => a[key] as number;
const numbers = (a: OpAttributes, key: string): readonly number[] => a[key] as readonly number[];

/** Windows as ONNX writes them; what a layer leaves out is left out. */
function windows(a: OpAttributes, names: readonly string[]): Record<string, number | readonly number[]> {
  const out: Record<string, number | readonly number[]> = {};
  for (const name of names) {
    const value = a[name];
    if (value !== undefined) out[name] = typeof value === "boolean" ? Number(value) : (value as number | readonly number[]);
  }
  return out;
}
/**
 * A pool that rounds sizes up. Where that gives the sizes of rounding down, it is written so: of a window that would begin in the pads after x, which does not count,
 * ONNX's rules for known sizes and its kernels say different things.
 */
function pool(b: Builder, op: "MaxPool" | "AveragePool", x: Value, a: OpAttributes, names: readonly string[]): Value {
  const attributes = windows(a, names);
  if (attributes.ceil_mode !== 1) return b.op(op, [x], attributes);
  const { env } = b.graph;
  const spatial = x.shape.slice(2);
  const lie = windowsOf(attributes, numbers(a, "kernel_shape"));
  const [up, down] = [windowCounts(env, spatial, lie, "NOTSET", true), windowCounts(env, spatial, lie, "NOTSET")];
  return b.op(op, [x], { ...attributes, ceil_mode: Number(!up.every((d, i) => env.equal(d, down[i]!))) });
}

const lattice = ["strides", "dilations", "pads"];

/** The matrix [n, size] that averages the n parts of a dim, as torch cuts them: part i from floor(i size / n) up to ceil((i + 1) size / n). */
function parts(b: Builder, size: number, n: number, like: Value): Value {
  const data = new Float64Array(n * size);
  for (let i = 0; i < n; i++) {
    const [from, to] = [Math.floor((i * size) / n), Math.ceil(((i + 1) * size) / n)];
    data.fill(1 / (to - from), i * size + from, i * size + to);
  }
  return b.constant({ dtype: like.dtype, shape: [n, size], data: typedArray(like.dtype, data) });
}

/** Averages over `sizes` parts of each spatial dim. The graph is made for the sizes that x has in this run, unless there is one part. */
function adaptiveAveragePool(b: Builder, x: Value, sizes: readonly number[]): Value {
  const { env } = b.graph;
  if (sizes.every((n) => n === 1)) return b.op("GlobalAveragePool", [x]);
  const spatial = x.shape.slice(2).map((d) => {
    const size = env.hint(d);
    if (size === undefined) throw new ShapeError(`adaptiveAvgPool of a tensor of unknown size ${d}`, { hint: "give its sizes, or pool to size 1" });
    env.equal(d, size);
    return size;
  });
  if (spatial.every((size, i) => size % sizes[i]! === 0)) {
    const kernel = spatial.map((size, i) => size / sizes[i]!);
    return kernel.every((k) => k === 1) ? b.op("Identity", [x]) : b.op("AveragePool", [x], { kernel_shape: kernel, strides: kernel });
  }
  const across = b.matmul(x, parts(b, spatial.at(-1)!, sizes.at(-1)!, x), { transposeB: true });
  return sizes.length === 1 ? across : b.matmul(parts(b, spatial[0]!, sizes[0]!, x), across);
}

export const channelOps: { readonly [name: string]: Emit } = {
  /** x [N, C, in..], weight [M, C / groups, k..], bias [M]? -> [N, M, out..] */
  conv: (b, inputs, a) => b.op("Conv", inputs, windows(a, [...lattice, "group"])),
  /** x [N, C, in..], weight [C, M / groups, k..], bias [M]? -> [N, M, out..] */
  convTranspose: (b, inputs, a) => b.op("ConvTranspose", inputs, windows(a, [...lattice, "group", "output_padding"])),
  maxPool: (b, [x], a) => pool(b, "MaxPool", x!, a, ["kernel_shape", ...lattice, "ceil_mode"]),
  avgPool: (b, [x], a) => pool(b, "AveragePool", x!, a, ["kernel_shape", "strides", "pads", "ceil_mode", "count_include_pad"]),
  adaptiveAvgPool: (b, [x], a) => adaptiveAveragePool(b, x!, numbers(a, "sizes")),
  adaptiveMaxPool: (b, [x]) => b.op("GlobalMaxPool", [x!]),

  /** x [N, C, ..] -> [1, C, 1..], the mean of each channel. */
  channelMean: (b, [x]) =>
    b.reduce(
      "ReduceMean",
      x!,
      x!.shape.flatMap((_, i) => (i === 1 ? [] : [i])),
      true,
    ),
  /** A vector [C] as [C, 1..], to meet dim 1 of x. */
  perChannel: (b, [v, x]) => b.op("Reshape", [v!, b.int64([-1, ...new Array<number>(x!.rank - 2).fill(1)])]),
  /** A biased variance [C] of x [N, C, ..] made the unbiased one. */
  unbiased: (b, [variance, x]) => unbiased(b, variance!, x!),
  /** x [N, C, ..], weight, bias, mean, variance [C] -> like x */
  batchNorm: (b, inputs, a) => b.op("BatchNormalization", inputs, { epsilon: float(number(a, "epsilon")) }),
  instanceNorm: (b, inputs, a) => b.op("InstanceNormalization", inputs, { epsilon: float(number(a, "epsilon")) }),
  groupNorm: (b, inputs, a) => b.op("GroupNormalization", inputs, { epsilon: float(number(a, "epsilon")), num_groups: number(a, "groups") }),

  /** Images to other sizes: of `sizes`, or `scales` times as large. */
  resize: (b, [x], a) => {
    const mode = { mode: a.mode as string, coordinate_transformation_mode: a.coordinates as string, nearest_mode: "floor", cubic_coeff_a: float(-0.75) };
    if (a.scales !== undefined) {
      const scales = [1, 1, ...numbers(a, "scales")];
      return b.op("Resize", [x!, undefined, b.constant({ dtype: "float32", shape: [scales.length], data: Float32Array.from(scales) })], mode);
    }
    return b.op("Resize", [x!, undefined, undefined, b.sizes([...x!.shape.slice(0, 2), ...numbers(a, "sizes")], [x!])], mode);
  },
  pixelShuffle: (b, [x], a) => b.op("DepthToSpace", [x!], { blocksize: number(a, "factor"), mode: "CRD" }),
  leakyRelu: (b, [x], a) => b.op("LeakyRelu", [x!], { alpha: float(number(a, "alpha")) }),
  elu: (b, [x], a) => b.op("Elu", [x!], { alpha: float(number(a, "alpha")) }),
  softplus: (b, [x]) => b.unary("Softplus", x!),
  hardSwish: (b, [x]) => b.unary("HardSwish", x!),
  hardSigmoid: (b, [x]) => b.op("HardSigmoid", [x!], { alpha: float(1 / 6), beta: float(0.5) }),
  mish: (b, [x]) => b.unary("Mish", x!),
};
