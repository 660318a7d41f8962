// Autocast: which types a graph is computed in, that float16 is torch's within its rounding, and how the scale of losses moves.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { dtypes, type Graph, type Value } from "../../src/graph/index.js";
import { Accelerator, SGD, tensor } from "../../src/index.js";
import { crossEntropy, GELU, LayerNorm, Linear, Module, softmax } from "../../src/nn/index.js";
import { packageRoot } from "../../src/package-root.js";
import { fromData, type Parameter, type Tensor } from "../../src/tensor/index.js";
import { assertNear, bare, bertLoss, losses, lowered, numbersOf } from "./lowered.js";

const narrow = { fp16: "float16", bf16: "bfloat16" } as const;
const products = new Set([":MatMul", "com.microsoft:FusedMatMul", ":Gemm", ":Conv", ":ConvTranspose"]);
const wideOps = new Set([":Softmax", ":LogSoftmax", ":LayerNormalization", ":Exp", ":Log", ":ReduceSum", ":ReduceMean", ":ReduceMax", ":Sqrt", ":Erf"]);

const floats = (values: readonly (Value | undefined)[]) => values.filter((x): x is Value => x !== undefined && dtypes[x.dtype].kind === "float");
/** Casts of a value, by the values that they read. */
const castsOf = (graph: Graph, value: Value) => graph.nodes.filter((node) => node.op === "Cast" && node.inputs[0] === value);

suite("a graph under autocast", () => {
  for (const precision of ["fp16", "bf16"] as const) {
    for (const name of ["BERT", "GPT-2", "the file vit"]) {
      test(`${precision}: products are narrow; softmax, norms, sums and losses are not; weights are cast once: ${name}`, async () => {
        const { graph, slots, gradients } = lowered((await losses[name]!()) as Tensor, { precision, target: bare("cuda") });
        const counts = { narrow: 0, wide: 0 };
        // The provider's convolutions have no bfloat16 in this opset.
        const hasIt = (op: string) => precision === "fp16" || !op.includes("Conv");
        for (const node of graph.nodes) {
          const kind = `${node.domain}:${node.op}`;
          const types = new Set(floats([...node.inputs]).map((x) => x.dtype));
          // Gradients of pools are convolutions of what was float32.
          if (products.has(kind) && hasIt(kind) && !node.name.startsWith("backward/")) {
            assert.deepEqual([...types], [narrow[precision]], node.name);
            counts.narrow++;
          }
          if (wideOps.has(kind)) {
            assert.ok(!types.has(narrow[precision]), node.name);
            counts.wide++;
          }
        }
        assert.ok(counts.narrow > 0 && counts.wide > 8, JSON.stringify(counts));
        for (const value of graph.inputs) if (slots.get(value)?.kind === "parameter") assert.ok(castsOf(graph, value).length <= 1, value.name);
        for (const node of graph.nodes) {
          const inner = node.op === "Cast" ? node.inputs[0]!.producer : undefined;
          assert.ok(inner?.op !== "Cast" || inner.inputs[0]!.dtype !== node.outputs[0]!.dtype, `${node.name} casts back`);
        }
        for (const value of graph.outputs) assert.notEqual(value.dtype, narrow[precision]);
        assert.ok(gradients.length > 0);
      });
    }
  }

  test("float16 on the processor is float32 within the rounding of float16, in the loss and in every gradient", async () => {
    for (const name of ["BERT", "GPT-2", "a CNN with batch normalization", "the file vit"]) {
      const loss = (await losses[name]!()) as Tensor;
      const [wide, half] = [lowered(loss), lowered(loss, { precision: "fp16" })];
      const [expected, found] = [await numbersOf(wide, wide.plan), await numbersOf(half, half.plan)];
      const names = wide.graph.outputs.map((value) => value.name);
      assertNear(found, expected, names, 2e-2, 2e-3);
      assert.ok(
        found.some((numbers, i) => numbers.some((x, k) => Math.abs(x - expected[i]![k]!) > 1e-6 * Math.abs(x))),
        `${name}: nothing was rounded`,
      );
    }
  });

  test("on the processor bfloat16 is the kernels' own, and no cast is made", () => {
    const { graph } = lowered(bertLoss(), { precision: "bf16" });
    assert.ok(graph.nodes.every((node) => node.attributes._autocast !== 1));
  });
});

interface Golden {
  readonly sizes: readonly [number, number, number, number];
  readonly x: readonly number[];
  readonly labels: readonly number[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly float32: { readonly loss: number; readonly gradients: Readonly<Record<string, readonly number[]>> };
  readonly float16: Golden["float32"];
}
const golden = JSON.parse(readFileSync(join(packageRoot(), "test/golden/autocast.json"), "utf8")) as Golden;
const [batch, tokens, hidden, classes] = golden.sizes;

class Block extends Module {
  readonly q = new Linear(hidden, hidden);
  readonly k = new Linear(hidden, hidden);
  readonly v = new Linear(hidden, hidden);
  readonly norm = new LayerNorm(hidden);
  readonly wide = new Linear(hidden, 2 * hidden);
  readonly gelu = new GELU();
  readonly narrow = new Linear(2 * hidden, hidden);
  readonly head = new Linear(hidden, classes);
  forward(x: Tensor, labels: Tensor): Tensor {
    const scores = (this.q(x) as Tensor).matmul((this.k(x) as Tensor).transpose(1, 2)).mul(0.25);
    let y = this.norm(
      softmax(scores, -1)
        .matmul(this.v(x) as Tensor)
        .add(x),
    ) as Tensor;
    y = (this.narrow(this.gelu(this.wide(y) as Tensor) as Tensor) as Tensor).add(y);
    return crossEntropy(this.head(y.at(":", 0)) as Tensor, labels) as Tensor;
  }
}

test("float16 has the losses and gradients of torch's autocast on GPUs, within a few roundings", async () => {
  const model = new Block();
  for (const [name, p] of model.namedParameters() as Iterable<[string, Parameter]>) {
    p.values().set(golden.weights[name]!);
    p.changed();
  }
  const loss = model(fromData(Float32Array.from(golden.x), [batch, tokens, hidden], "float32"), tensor([...golden.labels], { dtype: "int64" })) as Tensor;
  for (const [precision, kind, bound] of [
    ["no", "float32", 5e-5],
    ["fp16", "float16", 4e-3],
  ] as const) {
    const built = lowered(loss, { precision });
    const found = await numbersOf(built, built.plan);
    const names = built.gradients.map((i) => built.plan.parameters[i]!.name);
    const expected = [Float32Array.of(golden[kind].loss), ...names.map((name) => Float32Array.from(golden[kind].gradients[name]!))];
    // The gradient of the keys' bias is 0 but for rounding.
    assertNear(found.slice(-expected.length), expected, ["loss", ...names], bound, precision === "no" ? 1e-6 : 2e-4);
  }
});

/** Its gradient is `factor`, far more than float16 holds once it is scaled. */
class Steep extends Module {
  readonly linear = new Linear(4, 4, { bias: false });
  forward(x: Tensor, factor: Tensor): Tensor {
    return (this.linear(x) as Tensor).mul(factor).sum();
  }
}

suite("the scale of losses under float16", () => {
  const x = () => tensor([[0.5, -0.25, 1, 0.125]]) as Tensor;

  test("is there by default, with Accelerate's numbers, and is not with other precisions or when turned off", async () => {
    await using half = new Accelerator({ mixedPrecision: "fp16", cpu: true });
    assert.deepEqual(half.scaler?.stateDict(), { scale: 65536, growth_factor: 2, backoff_factor: 0.5, growth_interval: 2000, _growth_tracker: 0 });
    await using off = new Accelerator({ mixedPrecision: "fp16", cpu: true, gradScaler: { enabled: false } });
    assert.equal(off.scaler?.scale, 1);
    await using own = new Accelerator({ mixedPrecision: "fp16", cpu: true, gradScaler: { initScale: 8 } });
    assert.equal(own.scaler?.scale, 8);
    await using none = new Accelerator({ cpu: true });
    assert.equal(none.scaler, undefined);
  });

  test("is halved where gradients overflow float16, the step is skipped and told; it grows after clean steps", async () => {
    await using accelerator = new Accelerator({ mixedPrecision: "fp16", cpu: true, gradScaler: { initScale: 2 ** 17, growthInterval: 2 } });
    const model = new Steep();
    const optimizer = new SGD(model.parameters(), { lr: 0.5 });
    await accelerator.prepare(model, optimizer);
    const weight = () => Array.from(model.linear.weight.values());
    const seen: [scale: number, skipped: boolean, moved: boolean][] = [];
    // 2 ** 17 and 2 ** 16 are beyond float16, 2 ** 15 is not.
    for (let step = 0; step < 5; step++) {
      const before = weight();
      await accelerator.backward(model(x(), tensor(1) as Tensor));
      await optimizer.step();
      seen.push([accelerator.scaler!.scale, accelerator.optimizerStepWasSkipped, weight().some((w, i) => w !== before[i])]);
      optimizer.zeroGrad();
    }
    assert.deepEqual(seen, [
      [2 ** 16, true, false],
      [2 ** 15, true, false],
      [2 ** 15, false, true],
      [2 ** 16, false, true],
      [2 ** 15, true, false],
    ]);
  });

  test("keeps gradients that float16 alone would lose", async () => {
    const gradient = async (options: { readonly gradScaler?: { readonly enabled: false } }): Promise<number[]> => {
      await using accelerator = new Accelerator({ mixedPrecision: "fp16", cpu: true, ...options });
      const model = new Steep();
      const optimizer = new SGD(model.parameters(), { lr: 0.5 });
      await accelerator.prepare(model, optimizer);
      await accelerator.backward(model(x(), tensor(2e-8) as Tensor));
      return Array.from(await model.linear.weight.grad!.data());
    };
    assert.ok((await gradient({ gradScaler: { enabled: false } })).every((g) => g === 0));
    const kept = await gradient({});
    for (const [i, g] of kept.entries()) {
      const expected = 2e-8 * [0.5, -0.25, 1, 0.125][i % 4]!;
      assert.ok(Math.abs(g - expected) <= 2e-3 * Math.abs(expected), `${g}, not ${expected}`);
    }
  });
});
