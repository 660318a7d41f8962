// Norms of gradients on a device: a sum per parameter, or per range of flat memory, there, the sum of these on the host, in double precision.
import type { Builder } from "../../graph/builder.js";
import type { Graph, Value } from "../../graph/graph.js";
import { type DeviceSegments, type GradientNorm, runOnDevice, takeScratch } from "../../tensor/index.js";
import type { DeviceParts } from "../device-updates.js";
import { normKinds } from "../kernels.js";

const largest = 3.4028234663852886e38;

/** What one of them adds, without dims: its part of the norm, and of the maximum how many elements are finite. */
function emit(b: Builder, x: Value, kind: number, exponent: number): Value[] {
  const size = b.unary("Abs", x);
  if (kind === normKinds.squares) return [b.reduce("ReduceSum", b.mul(x, x), undefined)];
  if (kind === normKinds.absolutes) return [b.reduce("ReduceSum", size, undefined)];
  if (kind === normKinds.power) return [b.reduce("ReduceSum", b.pow(size, b.scalar(exponent, "float32")), undefined)];
  // A maximum may pass over what is no number: the count tells.
  const finite = b.cast(b.op("LessOrEqual", [size, b.scalar(largest, "float32")]), "float32");
  return [b.reduce("ReduceMax", size, undefined), b.reduce("ReduceSum", finite, undefined)];
}

/** Gaps between segments are shorter, and zero. */
const alignment = 16;

/** Ranges of flat memory, neighbours as one. */
function joined(ranges: Float64Array): { readonly offset: number; readonly length: number }[] {
  const all: { offset: number; length: number }[] = [];
  for (let i = 0; i < ranges.length; i += 4) {
    const [offset, length] = [ranges[i]!, ranges[i + 1]!];
    const last = all.at(-1);
    const gap = last ? offset - last.offset - last.length : -1;
    if (last && gap >= 0 && gap < alignment) last.length = offset + length - last.offset;
    else if (length > 0) all.push({ offset, length });
  }
  return all;
}

export async function deviceNorm(gradients: DeviceSegments, { ranges, segments }: DeviceParts, kind: number, exponent: number): Promise<GradientNorm> {
  const { context } = gradients;
  const own = segments.map(({ segment }) => segment.index).filter((index) => gradients.segments[index]!.length > 0);
  if (own.length === 0 || (context.device.flatMemory && ranges.length === 0)) return { value: 0, nonFinite: 0 };
  const looks = kind === normKinds.maximum;
  const flat = context.device.flatMemory;
  const pieces = flat
    ? joined(ranges).map(({ offset, length }) => ({ length, shape: undefined, array: () => gradients.range(offset, length) }))
    : own.map((index) => ({ length: gradients.segments[index]!.length, shape: gradients.shapeOf(index), array: () => gradients.at(index) }));
  const build = (b: Builder, graph: Graph): Value[] => {
    const one = b.int64([1]);
    const parts = pieces.map(({ shape }, i) => emit(b, graph.input(`x${i}`, "float32", shape ?? [graph.env.symbol(1 << 20)]), kind, exponent));
    const vector = (k: number) => {
      const all = parts.map((part) => b.op("Reshape", [part[k]!, one]));
      return all.length === 1 ? all[0]! : b.concat(all, 0);
    };
    return looks ? [vector(0), vector(1)] : [vector(0)];
  };
  const key = `norm ${kind} ${exponent} ${pieces.map(({ shape }) => `[${shape?.join() ?? ""}]`).join(";")}`;
  const outputs = (looks ? [0, 1] : [0]).map(() => takeScratch(context, [pieces.length]));
  const numbers = outputs.map(() => new Float32Array(pieces.length));
  try {
    await runOnDevice(context, () => ({ key, build, inputs: pieces.map(({ array }) => array()), outputs: outputs.map(({ array }) => array) }));
    await context.download(outputs.map(({ array }, i) => ({ from: array, into: numbers[i]! })));
  } finally {
    for (const { release } of outputs) release();
  }
  const [values, finite] = numbers as [Float32Array, Float32Array | undefined];
  if (!finite) {
    // One bad element makes a sum bad: how many there are is not known.
    const nonFinite = values.reduce((count, x) => count + Number(!Number.isFinite(x)), 0);
    return { value: values.reduce((sum, x) => sum + x, 0), nonFinite };
  }
  const nonFinite = finite.reduce((count, n, i) => count + pieces[i]!.length - n, 0);
  return { value: nonFinite > 0 ? Number.NaN : values.reduce((a, b) => Math.max(a, b), 0), nonFinite };
}
