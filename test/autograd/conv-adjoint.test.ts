// Convolutions, average pools and Resize are linear maps: their gradients are the adjoint maps, whatever their windows are. <A x, dy> = <x, A' dy>.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { differentiate } from "../../src/autograd/index.js";
import { type Attributes, Builder, Graph, sizeOf, type TensorData, typedArray, type Value } from "../../src/graph/index.js";
import { evaluate } from "../support/evaluate.js";
import { within } from "./gradcheck.js";

interface LinearCase {
  readonly op: string;
  readonly attributes: Attributes;
  /** Operands, each of which the op is linear in. */
  readonly shapes: readonly (readonly number[])[];
  readonly more?: (graph: Graph) => readonly (Value | undefined)[];
  readonly symbolic: boolean;
  readonly seed: number;
}

/** For each operand: dy times the op at a moved operand, and the move times the operand's gradient. */
async function checkAdjoint(c: LinearCase): Promise<void> {
  const graph = new Graph();
  const b = new Builder(graph);
  const feeds = new Map<Value, TensorData>();
  const feed = (name: string, shape: readonly number[], symbolic: boolean, seed: number): Value => {
    const value = graph.input(name, "float32", symbolic ? shape.map((d) => graph.env.symbol(d)) : shape);
    feeds.set(value, { dtype: "float32", shape, data: typedArray("float32", within(sizeOf(shape), seed, -1, 1)) });
    return value;
  };
  const inputs = c.shapes.map((shape, i) => feed(`x${i}`, shape, c.symbolic && i === 0, c.seed + i));
  const more = c.more?.(graph) ?? [];
  const y = b.op(c.op, [...inputs, ...more], c.attributes);
  const sizes = y.shape.map((d) => graph.env.hint(d)!);
  const dy = feed("dy", sizes, c.symbolic, c.seed + 10);
  const dot = (v: Value, w: Value): Value => b.reduce("ReduceSum", b.mul(v, w), undefined);
  const loss = dot(y, dy);
  const gradients = differentiate(graph, { loss, wrt: inputs });
  const results: Value[] = [];
  for (const [i, x] of inputs.entries()) {
    const moved = feed(`m${i}`, c.shapes[i]!, c.symbolic && i === 0, c.seed + 20 + i);
    const operands = inputs.map((other, k) => (k === i ? moved : other));
    results.push(dot(b.op(c.op, [...operands, ...more], c.attributes), dy), dot(moved, gradients.get(x)!));
  }
  const found = (await evaluate(graph, feeds, results)).map(({ data }) => Number(data[0]));
  const scale = Math.sqrt(sizeOf(sizes)) + 1;
  for (let i = 0; i < found.length; i += 2)
    assert.ok(Math.abs(found[i]! - found[i + 1]!) <= 2e-5 * scale * Math.max(1, Math.abs(found[i]!)), `operand ${i / 2}: ${found[i]} and ${found[i + 1]}`);
}

const small = (min: number, max: number) => fc.integer({ min, max });
/** One spatial dim of a convolution whose output is not empty. */
const dim = fc
  .record({ size: small(1, 9), kernel: small(1, 4), stride: small(1, 3), dilation: small(1, 2), before: small(0, 3), after: small(0, 3) })
  .filter((d) => d.size + d.before + d.after >= (d.kernel - 1) * d.dilation + 1);
const common = { batch: small(1, 3), group: small(1, 3), inputs: small(1, 3), outputs: small(1, 3), symbolic: fc.boolean(), seed: fc.nat(10_000) };

test("gradients of Conv are its adjoint in x and in the weight", () =>
  fc.assert(
    fc.asyncProperty(
      fc.record({ dims: fc.array(dim, { minLength: 1, maxLength: 3 }), ...common }),
      ({ dims, batch, group, inputs, outputs, symbolic, seed }) => {
        const of = (name: keyof (typeof dims)[number]) => dims.map((d) => d[name]);
        return checkAdjoint({
          op: "Conv",
          attributes: { strides: of("stride"), dilations: of("dilation"), pads: [...of("before"), ...of("after")], group },
          shapes: [
            [batch, inputs * group, ...of("size")],
            [outputs * group, inputs, ...of("kernel")],
          ],
          symbolic,
          seed,
        });
      },
    ),
    { numRuns: 60 },
  ));

test("gradients of ConvTranspose are its adjoint in x and in the weight", () =>
  fc.assert(
    fc.asyncProperty(fc.record({ dims: fc.array(dim, { minLength: 1, maxLength: 2 }), extra: small(0, 2), ...common }), (c) => {
      const { batch, group, inputs, outputs, symbolic, seed } = c;
      const dims = c.dims.map((d) => {
        const whole = (d.size - 1) * d.stride + (d.kernel - 1) * d.dilation + 1;
        const pad = Math.min(d.before, Math.floor((whole - 1) / 2));
        return { ...d, pad, extra: Math.min(c.extra, d.stride - 1) };
      });
      const of = (name: keyof (typeof dims)[number]) => dims.map((d) => d[name]);
      return checkAdjoint({
        op: "ConvTranspose",
        attributes: { strides: of("stride"), dilations: of("dilation"), pads: [...of("pad"), ...of("pad")], output_padding: of("extra"), group },
        shapes: [
          [batch, inputs * group, ...of("size")],
          [inputs * group, outputs, ...of("kernel")],
        ],
        symbolic,
        seed,
      });
    }),
    { numRuns: 40 },
  ));

test("the gradient of AveragePool is its adjoint, with and without pads in the count, rounded down and up", () =>
  fc.assert(
    fc.asyncProperty(fc.record({ dims: fc.array(dim, { minLength: 1, maxLength: 2 }), ceil: small(0, 1), include: small(0, 1), ...common }), (c) => {
      const dims = c.dims.map((d) => ({ ...d, pad: Math.min(d.before, Math.floor(d.kernel / 2)) })).map((d) => ({ ...d, size: Math.max(d.size, d.kernel) }));
      const of = (name: keyof (typeof dims)[number]) => dims.map((d) => d[name]);
      // ONNX's static shapes count a window that begins in the pads after x, its kernels do not; layers round down there, which is the same.
      fc.pre(c.ceil === 0 || dims.every((d) => Math.ceil((d.size + 2 * d.pad - d.kernel) / d.stride) * d.stride < d.size + d.pad));
      return checkAdjoint({
        op: "AveragePool",
        attributes: { kernel_shape: of("kernel"), strides: of("stride"), pads: [...of("pad"), ...of("pad")], ceil_mode: c.ceil, count_include_pad: c.include },
        shapes: [[c.batch, c.inputs, ...of("size")]],
        symbolic: c.symbolic,
        seed: c.seed,
      });
    }),
    { numRuns: 60 },
  ));

/** Outputs in the middle between two inputs, in exact arithmetic only. */
const halfway = {
  sizes: [
    [7, 8],
    [7, 4],
  ] as [number, number][],
  mode: "nearest",
  coordinates: "asymmetric",
  nearest: "round_prefer_ceil",
  scaled: false,
  batch: 1,
  inputs: 1,
  symbolic: false,
  seed: 1,
};

test("the gradient of Resize is its adjoint in every mode", () =>
  fc.assert(
    fc.asyncProperty(
      fc.record({
        sizes: fc.array(fc.tuple(small(1, 7), small(1, 9)), { minLength: 2, maxLength: 2 }),
        mode: fc.constantFrom("nearest", "linear", "cubic"),
        coordinates: fc.constantFrom("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"),
        nearest: fc.constantFrom("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
        scaled: fc.boolean(),
        ...common,
      }),
      ({ sizes, mode, coordinates, nearest, scaled, batch, inputs, symbolic, seed }) => {
        const from = sizes.map(([n]) => n);
        const factors = sizes.map(([n, m]) => [0.5, 1, 1.5, 2, 3, 2.25][(n + m) % 6]!).map((f, i) => (Math.floor(from[i]! * f) < 1 ? 1 : f));
        const target = (graph: Graph): readonly (Value | undefined)[] =>
          scaled
            ? [undefined, graph.constant({ dtype: "float32", shape: [4], data: Float32Array.of(1, 1, ...factors) })]
            : [undefined, undefined, graph.constant({ dtype: "int64", shape: [4], data: typedArray("int64", [batch, inputs, ...sizes.map(([, m]) => m)]) })];
        return checkAdjoint({
          op: "Resize",
          attributes: { mode, coordinate_transformation_mode: coordinates, nearest_mode: nearest },
          shapes: [[batch, inputs, ...from]],
          more: target,
          symbolic,
          seed,
        });
      },
    ),
    { numRuns: 80, examples: [[halfway]] },
  ));

test("places of a kernel that are too many for memory are multiplied one after the other", async () => {
  const [height, width] = [2048, 2050];
  const graph = new Graph();
  const b = new Builder(graph);
  const x = graph.input("x", "float32", [1, 1, height, width]);
  const w = graph.input("w", "float32", [1, 1, 3, 3]);
  const y = b.op("Conv", [x, w]);
  const dw = differentiate(graph, { loss: b.reduce("ReduceMean", y, undefined), wrt: [w] }).get(w)!;
  assert.equal(graph.nodes.filter(({ op }) => op === "FusedMatMul").length, 9);
  // Each place of the kernel sees all numbers but two rows and columns.
  const data = Float32Array.from({ length: height * width }, (_, i) => (Math.floor(i / width) === 0 ? 1 : i % width === width - 1 ? 4 : 0));
  const feeds = new Map<Value, TensorData>([
    [x, { dtype: "float32", shape: [1, 1, height, width], data }],
    [w, { dtype: "float32", shape: [1, 1, 3, 3], data: new Float32Array(9) }],
  ]);
  const [found] = await evaluate(graph, feeds, [dw]);
  const [rows, columns] = [height - 2, width - 2];
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      const first = i === 0 ? columns : 0;
      const last = j === 2 ? 4 * (i === 0 ? rows - 1 : rows) : 0;
      const expected = (first + last) / (rows * columns);
      assert.ok(Math.abs(Number(found!.data[3 * i + j]) - expected) < 1e-6, `${i}, ${j}: ${found!.data[3 * i + j]} is not ${expected}`);
    }
  }
});
