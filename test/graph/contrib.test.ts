// Fused ops of com.microsoft: their parts compute what ONNX Runtime's own kernels compute, and have gradients.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decomposeForGradients, differentiate } from "../../src/autograd/differentiate.js";
import { type AttributeValue, Builder, type DType, float, Graph, type TensorData, typedArray, type Value } from "../../src/graph/index.js";
import { decomposeComposites } from "../../src/graph/passes/decompose.js";
import { evaluate } from "../support/evaluate.js";

type Input = { readonly shape: readonly number[]; readonly dtype?: DType; readonly data?: readonly number[] } | undefined;
interface Case {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly Input[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  /** Which outputs are compared; default: the first. */
  readonly outputs?: readonly number[];
  /** Says in which form the op is tested. */
  readonly form?: string;
}

const x = (...shape: number[]): Input => ({ shape });
const ints = (shape: readonly number[], data: readonly number[], dtype: DType = "int32"): Input => ({ shape, data, dtype });
const half = Array.from({ length: 6 * 2 }, (_, i) => Math.cos(i));
const mask = ints([2, 3], [1, 1, 1, 1, 0, 0]);
const heads = { num_heads: 2 };

const cases: readonly Case[] = [
  { op: "Gelu", inputs: [x(2, 3)] },
  { op: "BiasGelu", inputs: [x(2, 3), x(3)] },
  { op: "FastGelu", inputs: [x(2, 3), x(3)] },
  { op: "FastGelu", form: "without a bias", inputs: [x(2, 3)] },
  { op: "QuickGelu", inputs: [x(2, 3)], attributes: { alpha: float(1.5) } },
  { op: "SkipLayerNormalization", inputs: [x(2, 3, 4), x(2, 3, 4), x(4), x(4), x(4)], attributes: { epsilon: float(1e-3) }, outputs: [0, 3] },
  { op: "SkipLayerNormalization", form: "without bias and shift", inputs: [x(2, 3, 4), x(2, 3, 4), x(4)] },
  { op: "SkipSimplifiedLayerNormalization", inputs: [x(2, 3, 4), x(2, 3, 4), x(4), x(4)], attributes: { epsilon: float(1e-3) }, outputs: [0, 3] },
  { op: "SimplifiedLayerNormalization", domain: "", inputs: [x(2, 3, 4), x(4)], attributes: { axis: -1, epsilon: float(1e-3), stash_type: 1 } },
  {
    op: "EmbedLayerNormalization",
    inputs: [ints([2, 3], [1, 2, 0, 3, 1, 4]), ints([2, 3], [0, 1, 1, 0, 0, 1]), x(5, 4), x(6, 4), x(2, 4), x(4), x(4), mask],
    attributes: { epsilon: float(1e-3) },
    outputs: [0, 1],
  },
  {
    op: "EmbedLayerNormalization",
    form: "with places, without segments",
    inputs: [ints([2, 3], [1, 2, 0, 3, 1, 4]), undefined, x(5, 4), x(6, 4), undefined, x(4), x(4), undefined, ints([1, 3], [2, 0, 1])],
    outputs: [0, 1],
  },
  { op: "Attention", inputs: [x(2, 3, 4), x(4, 12), x(12), mask], attributes: heads },
  { op: "Attention", form: "with lengths", inputs: [x(2, 3, 4), x(4, 12), x(12), ints([2], [3, 1])], attributes: heads },
  {
    op: "Attention",
    form: "with a mask of pairs",
    inputs: [x(2, 3, 4), x(4, 12), x(12), ints([2, 3, 3], [1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0])],
    attributes: heads,
  },
  {
    op: "Attention",
    form: "causal, scaled, with added scores",
    inputs: [x(2, 3, 4), x(4, 12), x(12), undefined, undefined, x(1, 2, 3, 3)],
    attributes: { ...heads, unidirectional: 1, scale: float(0.3) },
  },
  { op: "Attention", form: "with values of another size", inputs: [x(2, 3, 4), x(4, 14), x(14)], attributes: { ...heads, qkv_hidden_sizes: [4, 4, 6] } },
  { op: "MultiHeadAttention", inputs: [x(2, 3, 4), x(2, 5, 4), x(2, 5, 4), x(12), ints([2, 5], [1, 1, 1, 0, 0, 1, 1, 1, 1, 0])], attributes: heads },
  { op: "MultiHeadAttention", form: "with wide values", inputs: [x(2, 3, 4), x(2, 5, 4), x(2, 5, 6)], attributes: { ...heads, scale: float(0.7) } },
  {
    op: "MultiHeadAttention",
    form: "causal",
    inputs: [x(2, 3, 4), x(2, 3, 4), x(2, 3, 4), undefined, undefined, x(1, 2, 3, 3)],
    attributes: { ...heads, unidirectional: 1 },
  },
  { op: "MultiHeadAttention", form: "over keys by head", inputs: [x(2, 3, 4), x(2, 2, 5, 2), x(2, 2, 5, 2)], attributes: heads },
  { op: "RotaryEmbedding", inputs: [x(2, 3, 8), ints([2, 3], [0, 1, 2, 3, 4, 5], "int64"), { shape: [6, 2], data: half }, { shape: [6, 2], data: half }] },
  {
    op: "RotaryEmbedding",
    form: "from a place on, in pairs",
    inputs: [x(2, 2, 3, 4), ints([1], [2], "int64"), { shape: [6, 2], data: half }, { shape: [6, 2], data: half }],
    attributes: { interleaved: 1 },
  },
  {
    op: "RotaryEmbedding",
    form: "of a part",
    inputs: [x(2, 3, 12), ints([1], [0], "int64"), { shape: [6, 2], data: half }, { shape: [6, 2], data: half }],
    attributes: { num_heads: 2, rotary_embedding_dim: 4 },
  },
  { op: "FusedGemm", inputs: [x(2, 3), x(4, 3), x(4)], attributes: { transB: 1, activation: "LeakyRelu", activation_alpha: float(0.2) } },
  { op: "FusedConv", inputs: [x(1, 2, 4, 4), x(3, 2, 3, 3), x(3)], attributes: { activation: "Relu", pads: [1, 1, 1, 1] } },
  { op: "FusedConv", form: "with a sum and a range", inputs: [x(1, 2, 4, 4), x(3, 2, 3, 3), x(3), x(1, 3, 2, 2)], attributes: { activation: "Relu" } },
];

interface Built {
  readonly graph: Graph;
  readonly values: readonly (Value | undefined)[];
  readonly feeds: Map<Value, TensorData>;
  readonly outputs: readonly Value[];
}
function build({ op, domain = "com.microsoft", inputs, attributes = {}, outputs: wanted = [0] }: Case): Built {
  const graph = new Graph();
  const feeds = new Map<Value, TensorData>();
  const values = inputs.map((input, at) => {
    if (!input) return undefined;
    const { shape, dtype = "float32", data } = input;
    const numbers = data ?? Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.3 * i + 2 * at + 0.5));
    // Sizes are symbols, so that no form needs to know them.
    const value = graph.input(`x${at}`, dtype, data ? shape : shape.map((d, k) => (shape.length === 3 && k < 2 ? graph.env.symbol(d) : d)));
    feeds.set(value, { dtype, shape, data: typedArray(dtype, numbers) });
    return value;
  });
  const made = graph.add(op, values, attributes, { domain, outputs: Math.max(...wanted) + 1 });
  return { graph, values, feeds, outputs: wanted.map((i) => made[i]!) };
}

for (const one of cases) {
  test(`${one.op}${one.form ? ` ${one.form}` : ""} is what its kernel computes`, async () => {
    const { graph, feeds, outputs } = build(one);
    const fused = await evaluate(graph, feeds, outputs);
    graph.outputs.push(...outputs);
    assert.ok(decomposeComposites(graph) >= 1);
    const parts = await evaluate(graph, feeds, graph.outputs);
    for (const [k, { shape, data, dtype }] of parts.entries()) {
      assert.deepEqual([shape, dtype], [fused[k]!.shape, fused[k]!.dtype]);
      for (const [i, got] of (data as Float32Array).entries()) {
        const want = Number(fused[k]!.data[i]);
        assert.ok(Math.abs(Number(got) - want) <= 2e-5 * Math.max(1, Math.abs(want)), `output ${k} at ${i} is ${got}, of the kernel ${want}`);
      }
    }
  });
}

test("all of them are differentiated by their parts", () => {
  for (const one of cases) {
    const { graph, values, outputs } = build(one);
    const wrt = values.filter((v): v is Value => v?.dtype === "float32");
    graph.output(new Builder(graph).reduce("ReduceMean", outputs[0]!, undefined));
    decomposeForGradients(graph);
    const gradients = differentiate(graph, { loss: graph.outputs[0]!, wrt });
    for (const v of wrt) assert.deepEqual(graph.env.resolveShape(gradients.get(v)!.shape).length, v.shape.length, `${one.op}: ${v.name}`);
  }
});

test("forms for generating text are refused by name", () => {
  const graph = new Graph();
  const q = graph.input("q", "float32", [2, 3, 4]);
  const past = graph.input("past", "float32", [2, 2, 5, 2]);
  assert.throws(
    () => graph.add("MultiHeadAttention", [q, q, q, undefined, undefined, undefined, past, past], heads, { domain: "com.microsoft" }),
    /a cache of keys and values is for generating text/,
  );
  assert.throws(() => graph.add("Attention", [q, graph.input("w", "float32", [4, 12])], {}, { domain: "com.microsoft" }), /attribute num_heads is needed/);
});
