// Layers: their first values, names, shapes and gradients.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  Dropout,
  Embedding,
  GELU,
  init,
  LayerNorm,
  LazyLinear,
  Linear,
  Module,
  ReLU,
  Sequential,
  scaledDotProductAttention,
  Tanh,
  crossEntropy,
} from "../../src/nn/index.js";
import { Generator, type NestedNumbers, Parameter, setSeed, type Tensor, tensor, zeros } from "../../src/tensor/index.js";
import { flatNumbers, gradientBound, maxAbs, near, normOf, readGolden } from "../models/golden-support.js";

interface Mlp {
  readonly x: number[][];
  readonly y: number[];
  readonly loss: number;
  readonly logits: number[][];
  readonly parameters: Readonly<Record<string, NestedNumbers>>;
  readonly gradients: Readonly<Record<string, NestedNumbers>>;
}
const moments = (x: ArrayLike<number>) => {
  const values = Array.from(x);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, std: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length), max: maxAbs(values) };
};
const numbers = (x: Tensor) => x.data() as Promise<Float32Array>;

describe("layers", () => {
  it("an MLP has torch's parameter names, loss and gradients", async () => {
    const golden = readGolden<Mlp>("mlp.json");
    const model = new Sequential(new Linear(5, 8), new LayerNorm(8), new GELU(), new Sequential(new Linear(8, 3, { bias: false }), new Tanh()));
    const parameters = new Map<string, Parameter>(model.namedParameters());
    assert.deepEqual([...parameters.keys()], Object.keys(golden.parameters));
    for (const [name, p] of parameters) p.set(Float32Array.from(flatNumbers(golden.parameters[name]!)));
    const logits = model(tensor(golden.x));
    const loss = crossEntropy(logits, tensor(golden.y, { dtype: "int64" }));
    await loss.backward();
    near([await loss.item()], [golden.loss], 1e-6, "loss");
    near(await numbers(logits), flatNumbers(golden.logits), 1e-6, "logits");
    const norm = normOf(Object.values(golden.gradients).map(flatNumbers));
    for (const [name, p] of parameters) {
      const reference = flatNumbers(golden.gradients[name]!);
      near(await p.grad!.data(), reference, gradientBound(maxAbs(reference), norm), name);
    }
  });

  it("the same seed gives the same layer", () => {
    setSeed(5);
    const a = new Linear(7, 3);
    setSeed(5);
    const b = new Linear(7, 3);
    assert.deepEqual(a.weight.values(), b.weight.values());
    assert.notDeepEqual(a.weight.values(), new Linear(7, 3).weight.values());
  });

  it("Linear, Embedding and LayerNorm start with torch's distributions", () => {
    setSeed(1);
    const linear = new Linear(400, 300);
    const weight = moments(linear.weight.values());
    assert.ok(Math.abs(weight.std - 0.05 / Math.sqrt(3)) < 3e-4 && weight.max <= 0.05 && weight.max > 0.0499, JSON.stringify(weight));
    assert.ok(maxAbs(linear.bias!.values()) <= 0.05);
    const table = moments(new Embedding(300, 400).weight.values());
    assert.ok(Math.abs(table.mean) < 0.01 && Math.abs(table.std - 1) < 0.01, JSON.stringify(table));
    const norm = new LayerNorm(3);
    assert.deepEqual([...norm.weight.values(), ...norm.bias!.values()], [1, 1, 1, 0, 0, 0]);
  });

  it("init functions keep to their formulas and to a generator of one's own", async () => {
    const shape = [200, 100];
    const options = () => ({ generator: new Generator(3) });
    const near3 = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 0.03 * expected, `${actual}, not ${expected}`);
    near3(moments(await numbers(init.xavierUniform(shape, options()))).std, Math.sqrt(2 / 300));
    near3(moments(await numbers(init.xavierNormal(shape, options()))).std, Math.sqrt(2 / 300));
    near3(moments(await numbers(init.kaimingUniform(shape, options()))).max, Math.sqrt(6 / 100));
    near3(moments(await numbers(init.normal(shape, { ...options(), mean: 1, std: 0.1 }))).mean, 1);
    const truncated = moments(await numbers(init.truncNormal(shape, options())));
    near3(truncated.std, 0.8796); // of the standard normal distribution cut at +-2
    assert.ok(truncated.max <= 2);
    assert.deepEqual(await numbers(init.uniform(shape, options())), await numbers(init.uniform(shape, options())));
    assert.throws(() => init.truncNormal([2], { low: 9, high: 10 }), { code: "ERR_ARGUMENT" });
    assert.throws(() => init.xavierUniform([2]), { code: "ERR_ARGUMENT" });
  });

  it("the padding row of an embedding is zero and stays so", async () => {
    const table = new Embedding(5, 2, { paddingIdx: 1 });
    const ids = tensor([[1, 3, 1]], { dtype: "int64" });
    assert.deepEqual(((await table(ids).toArray()) as number[][][])[0]![0], [0, 0]);
    await table(ids).sum().backward();
    assert.deepEqual([...(await table.weight.grad!.data())], [0, 0, 0, 0, 0, 0, 1, 1, 0, 0]);
  });

  it("dropout drops in training only, and scales what it keeps", async () => {
    const layer = new Dropout(0.25);
    const x = zeros([100, 100]).add(1);
    const kept = (await numbers(layer(x))).filter((v) => v !== 0);
    assert.ok(Math.abs(kept.length / 10_000 - 0.75) < 0.02);
    assert.ok(kept.every((v) => Math.abs(v - 4 / 3) < 1e-6));
    assert.ok((await numbers(layer.eval()(x))).every((v) => v === 1));
  });

  it("Linear may share its weight with a table and its bias with another module: one parameter, the sum of the gradients", async () => {
    class Tied extends Module {
      readonly table = new Embedding(3, 2, { weightInit: init.ones });
      readonly decoder = new Linear(2, 3, { weight: this.table.weight, bias: false });
      forward(ids: Tensor): Tensor {
        return this.decoder(this.table(ids));
      }
    }
    const tied = new Tied();
    assert.deepEqual(
      [...tied.namedParameters()].map(([name]) => name),
      ["table.weight"],
    );
    await tied(tensor([2], { dtype: "int64" }))
      .sum()
      .backward();
    // As a table: row 2 takes the sum of the rows. As a map: every row takes the vector of id 2.
    assert.deepEqual(await tied.table.weight.grad!.toArray(), [
      [1, 1],
      [1, 1],
      [4, 4],
    ]);
    assert.throws(() => new Linear(3, 3, { weight: tied.table.weight }), { code: "ERR_SHAPE", message: /its weight is \[3, 3\], the given one \[3, 2\]/ });
  });

  it("a lazy linear layer takes its size from the first input", async () => {
    class Head extends Module {
      readonly body = new ReLU();
      readonly output = new LazyLinear(3);
      forward(x: Tensor): Tensor {
        return this.output(this.body(x));
      }
    }
    const head = new Head();
    assert.deepEqual([...head.namedParameters()], []);
    const y = head(
      tensor([
        [1, 2],
        [3, 4],
      ]),
    );
    assert.deepEqual(y.shape, [2, 3]);
    assert.deepEqual(
      [...head.namedParameters()].map(([name, p]) => [name, p.shape]),
      [
        ["output.weight", [3, 2]],
        ["output.bias", [3]],
      ],
    );
    await y.sum().backward();
    assert.deepEqual([...(await head.output.bias!.grad!.data())], [2, 2, 2]);
    assert.deepEqual(head(tensor([[1, 2]])).shape, [1, 3]);
  });

  it("attention without a mask averages values by the softmax of the scores", async () => {
    const q = new Parameter(tensor([[[[1, 0]]]]));
    const k = tensor([
      [
        [
          [2, 0],
          [0, 2],
        ],
      ],
    ]);
    const v = tensor([
      [
        [
          [1, 0],
          [0, 1],
        ],
      ],
    ]);
    const [a] = flatNumbers(await scaledDotProductAttention(q, k, v).toArray());
    const expected = 1 / (1 + Math.exp(-2 / Math.sqrt(2)));
    near([a!], [expected], 1e-6, "weight of the first value");
  });

  it("sizes and probabilities that make no sense are refused", () => {
    assert.throws(() => new Linear(0, 3), { code: "ERR_ARGUMENT", message: /inFeatures is a whole number/ });
    assert.throws(() => new Embedding(3, 2, { paddingIdx: 3 }), { code: "ERR_ARGUMENT" });
    assert.throws(() => new Dropout(-1), { code: "ERR_ARGUMENT" });
    // @ts-expect-error a function is no layer
    assert.throws(() => new Sequential((x: Tensor) => x), { code: "ERR_ARGUMENT" });
  });
});
