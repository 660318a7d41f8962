// The gradient of a convolution's weight: one matrix product over all images and places of the windows.
import type { Builder } from "../../graph/builder.js";
import type { Value } from "../../graph/graph.js";
import { reach, type Windows } from "../../graph/ops/conv-geometry.js";

/** x [N, C, spatial..] with zeros around. */
function withPads(b: Builder, x: Value, { before, after }: Windows): Value {
  if ([...before, ...after].every((p) => p === 0)) return x;
  return b.op("Pad", [x, b.int64([0, 0, ...before, 0, 0, ...after])]);
}

/** All places in a kernel, the last dim fastest. */
function places(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>((all, size) => all.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])), [[]]);
}

/** What the windows see at one place of the kernel: a slice of the padded x, as large as the output. */
function seenAt(b: Builder, x: Value, place: readonly number[], windows: Windows): Value {
  const axes: number[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  for (const [i, at] of place.entries()) {
    const start = at * windows.dilations[i]!;
    const behind = reach(windows, i) - 1 - start;
    if (start === 0 && behind === 0 && windows.strides[i] === 1) continue;
    axes.push(i + 2);
    starts.push(start);
    ends.push(behind === 0 ? Number.MAX_SAFE_INTEGER : -behind);
  }
  if (axes.length === 0) return x;
  return b.op("Slice", [x, b.int64(starts), b.int64(ends), b.int64(axes), b.int64(axes.map((axis) => windows.strides[axis - 2]!))]);
}

/** Windows side by side without gaps (patches): x [C, N, H, ..] as [C, kernel.., N, places..], without slices. */
function patches(b: Builder, x: Value, windows: Windows): Value | undefined {
  const { env } = b.graph;
  const { kernel, strides, dilations, before, after } = windows;
  const side = kernel.every((k, i) => k === strides[i] && (dilations[i] === 1 || k === 1) && before[i] === 0 && after[i] === 0);
  const counts = x.shape.slice(2).map((d) => env.hint(d));
  if (!side || !counts.every((n, i) => n !== undefined && n % kernel[i]! === 0)) return undefined;
  for (const [i, d] of x.shape.slice(2).entries()) env.equal(d, counts[i]!);
  const dims = counts.flatMap((n, i) => [n! / kernel[i]!, kernel[i]!]);
  const split = b.op("Reshape", [x, b.int64([0, 0, ...dims])]);
  const inside = kernel.map((_, i) => 3 + 2 * i);
  return b.transpose(split, [0, ...inside, 1, ...inside.map((axis) => axis - 1)]);
}

/** More numbers than this are not gathered at once: the places of the kernel are multiplied one after the other then. */
const maxGathered = 2 ** 25;

/**
 * dW [M, C / g, k..] of Y = Conv(X, W), from x [N, C, in..] and dy [N, M, out..].
 *
 * Channels come first, so that the images are part of the inner size of one product: [C * K, N * out] x [N * out, M] for each group. What the
 * K places of the kernel see lies one below the other, copied by slices of whole rows. Products image by image, with their sum after
 * them, take as many copies and, for deep layers, N times the memory of the weight.
 */
export function convWeightGradient(b: Builder, x: Value, dy: Value, windows: Windows, group: number, weightShape: readonly number[]): Value {
  const [outputs, inputs] = [weightShape[0]!, weightShape[1]!];
  const { kernel } = windows;
  const count = kernel.reduce((a, k) => a * k, 1);
  const swap = (v: Value) => b.transpose(v, [1, 0, ...v.shape.slice(2).map((_, i) => i + 2)]);
  const right = b.op("Reshape", [swap(dy), b.int64([group, outputs / group, -1])]);
  const channelsFirst = swap(withPads(b, x, windows));
  const patched = count > 1 ? patches(b, channelsFirst, windows) : undefined;
  if (patched || count === 1) {
    // Rows in the order of the weight: [C, K].
    const seen =
      patched ??
      seenAt(
        b,
        channelsFirst,
        kernel.map(() => 0),
        windows,
      );
    const left = b.op("Reshape", [seen, b.int64([group, inputs * count, -1])]);
    return b.op("Reshape", [b.matmul(right, left, { transposeB: true }), b.int64(weightShape)]);
  }
  const parts = places(kernel).map((place) => b.op("Reshape", [seenAt(b, channelsFirst, place, windows), b.int64([group, inputs, -1])]));
  const gathered = (b.graph.env.hint(b.graph.env.product(parts[0]!.shape)) ?? 0) * count;
  // [g, K * C / g, M / g]
  const product =
    gathered > maxGathered
      ? b.concat(
          parts.map((part) => b.matmul(part, right, { transposeB: true })),
          1,
        )
      : b.matmul(b.concat(parts, 1), right, { transposeB: true });
  const ordered = b.transpose(b.op("Reshape", [product, b.int64([group, count, inputs, outputs / group])]), [0, 3, 2, 1]);
  return b.op("Reshape", [ordered, b.int64(weightShape)]);
}
