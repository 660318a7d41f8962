// The gradient of MaxPool for engines that do not tell where the maxima are: windows as channels, the first maximum of each, and back to where they came from.
import type { Builder } from "../../builder.js";
import type { Dim } from "../../dims.js";
import { typedArray } from "../../dtype.js";
import type { Value } from "../../graph.js";
import { reshapeLike, reshapeTo } from "../../reshape.js";
import type { Form } from "./forms.js";

/** [windows' places, 1, kernel..]: the k-th kernel takes what lies at the k-th place of a window. */
function places(b: Builder, kernel: readonly number[], like: Value): Value {
  const count = kernel.reduce((n, k) => n * k, 1);
  const ones = Float32Array.from({ length: count * count }, (_, i) => (i % (count + 1) === 0 ? 1 : 0));
  return b.constant({ dtype: like.dtype, shape: [count, 1, ...kernel], data: typedArray(like.dtype, ones) });
}

const least = -3.4028234663852886e38;

/** Zeros, or a number, put before and after the spatial dims. */
function padded(b: Builder, x: Value, before: readonly Dim[], after: readonly Dim[], value: number): Value {
  if ([...before, ...after].every((d) => d === 0)) return x;
  return b.op("Pad", [x, b.sizes([0, 0, ...before, 0, 0, ...after], [x]), b.scalar(value, x.dtype)]);
}

export const maxPoolGrad: Form = (b, _, [x, y, dy, windows]) => {
  const { env } = b.graph;
  const n = x!.rank - 2;
  const numbers = windows!.content as readonly number[] | undefined;
  if (n > 2 || numbers?.every((d) => typeof d === "number") !== true || x!.dtype !== "float32") return undefined;
  const [kernel, strides, dilations, before] = [0, 1, 2, 3].map((i) => numbers.slice(i * n, (i + 1) * n)) as [number[], number[], number[], number[]];
  for (const v of [x!, y!, dy!]) b.source(v);
  const images = env.product(x!.shape.slice(0, 2));
  const flat = (v: Value) => reshapeTo(b, v, [images, 1, ...v.shape.slice(2)], [v]);
  // Windows reach over `reached` elements from the first pad on; the image may end before or behind.
  const reached = kernel.map((k, i) => env.add(env.mul(env.add(y!.shape[i + 2]!, -1), strides[i]!), (k - 1) * dilations[i]! + 1));
  const image = before.map((pad, i) => env.add(x!.shape[i + 2]!, pad));
  const whole = reached.map((d, i) => env.max(d, image[i]!));
  const input = padded(
    b,
    flat(x!),
    before,
    whole.map((d, i) => env.sub(d, image[i]!)),
    least,
  );
  const kernels = places(b, kernel, x!);
  const attributes = { strides, dilations };
  const hit = b.cast(b.op("Equal", [b.op("Conv", [input, kernels], attributes), flat(y!)]), x!.dtype);
  const first = b.op("Equal", [
    b.mul(hit, b.op("CumSum", [hit, b.constant({ dtype: "int64", shape: [], data: BigInt64Array.of(1n) })])),
    b.scalar(1, x!.dtype),
  ]);
  const share = b.mul(b.cast(first, x!.dtype), flat(dy!));
  let back = b.op("ConvTranspose", [share, kernels], attributes);
  back = padded(
    b,
    back,
    before.map(() => 0),
    whole.map((d, i) => env.sub(d, reached[i]!)),
    0,
  );
  for (const [i, pad] of before.entries()) {
    if (pad === 0 && env.resolve(whole[i]!) === env.resolve(x!.shape[i + 2]!)) continue;
    back = b.op("Slice", [back, b.int64([pad]), b.sizes([image[i]!], [x!]), b.int64([i + 2])]);
  }
  return [reshapeLike(b, back, x!)];
};
