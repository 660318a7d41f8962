// The gradient of a maximum pool against its decomposition, over windows, ties, sizes and numbers of threads.
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { within } from "../autograd/gradcheck.js";
import { checkOp } from "./compare.js";

interface Dim {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}
/** How many windows there are; the last one begins within the input or the pads before it. */
function countOf({ size, kernel, stride, dilation, before, after }: Dim, ceil: boolean): number {
  const rest = size + before + after - (kernel - 1) * dilation - 1;
  const count = (ceil ? Math.ceil(rest / stride) : Math.floor(rest / stride)) + 1;
  return ceil && (count - 1) * stride >= size + before ? count - 1 : count;
}

/** The maxima of one plane. */
function maxima(x: readonly number[], dims: readonly Dim[], counts: readonly number[]): number[] {
  const indices = (sizes: readonly number[]): number[][] =>
    sizes.reduce<number[][]>((all, n) => all.flatMap((at) => Array.from({ length: n }, (_, i) => [...at, i])), [[]]);
  return indices(counts).map((out) =>
    Math.max(
      ...indices(dims.map((d) => d.kernel)).map((place) => {
        const at = dims.map((d, i) => out[i]! * d.stride - d.before + place[i]! * d.dilation);
        return at.every((p, i) => p >= 0 && p < dims[i]!.size) ? x[at.reduce((sum, p, i) => sum * dims[i]!.size + p, 0)]! : Number.NEGATIVE_INFINITY;
      }),
    ),
  );
}

const dims = fc
  .record({
    size: fc.integer({ min: 1, max: 9 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.integer({ min: 1, max: 2 }),
  })
  .chain((d) => {
    const pad = fc.integer({ min: 0, max: Math.floor(d.kernel / 2) });
    return fc.record({ before: pad, after: pad }).map((pads): Dim => ({ ...d, ...pads }));
  })
  .filter((d) => d.size + d.before + d.after >= (d.kernel - 1) * d.dilation + 1);
const halves: Dim = { size: 8, kernel: 2, stride: 2, dilation: 1, before: 0, after: 0 };

async function check(shape: readonly Dim[], planes: readonly [number, number], levels: number, ceil: boolean, seed: number): Promise<void> {
  const size = shape.reduce((p, d) => p * d.size, 1);
  const counts = shape.map((d) => countOf(d, ceil));
  const total = planes[0] * planes[1];
  // Few levels: many maxima are there more than once.
  const x = within(total * size, seed, 0, levels).map(Math.floor);
  const y = Array.from({ length: total }, (_, p) => maxima(x.slice(p * size, (p + 1) * size), shape, counts)).flat();
  // A window of pads alone has no place for its gradient.
  fc.pre(y.every(Number.isFinite));
  const of = (name: "kernel" | "stride" | "dilation" | "before" | "after") => shape.map((d) => d[name]);
  await checkOp({
    op: "MaxPoolGrad",
    inputs: [
      { shape: [...planes, ...shape.map((d) => d.size)], values: x },
      { shape: [...planes, ...counts], values: y },
      { shape: [...planes, ...counts], values: within(y.length, seed + 1, -1, 1) },
      { shape: [4 * shape.length], dtype: "int64", values: [...of("kernel"), ...of("stride"), ...of("dilation"), ...of("before")] },
    ],
    attributes: {
      kernel_shape: of("kernel"),
      strides: of("stride"),
      dilations: of("dilation"),
      pads: [...of("before"), ...of("after")],
      ceil_mode: Number(ceil),
    },
  });
}

const planes = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }));
test("MaxPoolGrad of any windows over one, two and three dims is its decomposition", () =>
  fc.assert(fc.asyncProperty(fc.array(dims, { minLength: 1, maxLength: 3 }), planes, fc.constantFrom(2, 1000), fc.boolean(), fc.nat(10_000), check), {
    numRuns: 60,
  }));

test("MaxPoolGrad of windows of 2 x 2 side by side is its decomposition", () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 40 }),
      fc.integer({ min: 2, max: 70 }),
      planes,
      fc.constantFrom(2, 1000),
      fc.nat(10_000),
      (height, width, p, levels, seed) =>
        check(
          [
            { ...halves, size: height },
            { ...halves, size: width },
          ],
          p,
          levels,
          false,
          seed,
        ),
    ),
    { numRuns: 25 },
  ));
