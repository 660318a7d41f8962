// Losses and functional forms against PyTorch, values and gradients; the errors that they give.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bceWithLogits, crossEntropy, dropout, gelu, l2Normalize, mseLoss, type Reduction } from "../../src/nn/index.js";
import { Module } from "../../src/nn/module.js";
import { type NestedNumbers, Parameter, type Scalar, type Tensor, tensor } from "../../src/tensor/index.js";
import { flatNumbers, gradientBound, maxAbs, near, normOf, readGolden } from "../models/golden-support.js";

interface Options {
  readonly reduction?: Reduction;
  readonly labelSmoothing?: number;
  readonly ignoreIndex?: number;
  readonly scale?: number;
}
interface Golden {
  readonly logits: number[][];
  readonly labels: number[];
  readonly targets: number[][];
  readonly binary: number[][];
  readonly weights: number[];
  readonly cases: readonly { readonly name: string; readonly options: Options; readonly value: NestedNumbers; readonly gradient: number[][] }[];
}
const golden = readGolden<Golden>("losses.json");
const int64 = (values: number[]) => tensor(values, { dtype: "int64" });
const [labels, targets, binary] = [int64(golden.labels), tensor(golden.targets), tensor(golden.binary)];

const functions: { readonly [name: string]: (x: Tensor, options: Options) => Tensor } = {
  crossEntropy: (x, { reduction = "mean", ...options }) => {
    const y = options.ignoreIndex === undefined ? labels : int64(golden.labels.map((l) => Math.max(l, 0)));
    return reduction === "none" ? crossEntropy(x, y, { reduction, ...options }) : crossEntropy(x, y, { reduction, ...options });
  },
  mseLoss: (x, { reduction = "mean" }) => (reduction === "none" ? mseLoss(x, targets, { reduction }) : mseLoss(x, targets, { reduction })),
  bceWithLogits: (x, { reduction = "mean" }) => (reduction === "none" ? bceWithLogits(x, binary, { reduction }) : bceWithLogits(x, binary, { reduction })),
  bceWithLogitsFar: (x, { scale = 1 }) => bceWithLogits(x.mul(scale), binary),
  l2Normalize: (x) => l2Normalize(x, -1).mul(targets).sum(),
  gelu: (x) => gelu(x).mul(targets).sum(),
  geluTanh: (x) => gelu(x, { approximate: "tanh" }).mul(targets).sum(),
};

describe("functional forms", () => {
  for (const { name, options, value, gradient } of golden.cases) {
    it(`${name} ${JSON.stringify(options)} has PyTorch's value and gradient`, async () => {
      const x = new Parameter(tensor(golden.logits));
      const y = functions[name]!(x, options);
      const expected = flatNumbers(value);
      const loss = y.rank === 1 ? (y.mul(tensor(golden.weights)) as Tensor).sum() : y.sum();
      await (loss as Scalar).backward();
      near((await y.data()) as Float32Array, expected, 5e-6 * Math.max(1, maxAbs(expected)), "value");
      const reference = flatNumbers(gradient);
      near(await x.grad!.data(), reference, gradientBound(maxAbs(reference), normOf([reference])), "gradient");
    });
  }

  it("binary cross-entropy has the gradient s(x) - y at 0 too", async () => {
    const x = new Parameter(tensor([0, 0]));
    await bceWithLogits(x, tensor([0, 1]), { reduction: "sum" }).backward();
    assert.deepEqual([...(await x.grad!.data())], [0.5, -0.5]);
  });

  it("l2Normalize leaves a zero vector at zero, with a finite gradient", async () => {
    const x = new Parameter(tensor([[0, 0]]));
    const y = l2Normalize(x, -1);
    await y.sum().backward();
    assert.deepEqual(await y.toArray(), [[0, 0]]);
    assert.ok((await x.grad!.data()).every(Number.isFinite));
  });

  it("cross-entropy over several dims takes the classes in the last one", async () => {
    const logits = [
      [
        [1, 2],
        [3, 5],
      ],
      [
        [0, 0],
        [9, 1],
      ],
    ];
    const rows = await crossEntropy(
      tensor(logits),
      tensor(
        [
          [0, 1],
          [1, -100],
        ],
        { dtype: "int64" },
      ),
      { reduction: "none" },
    ).toArray();
    const nll = (a: number, b: number) => Math.log(1 + Math.exp(b - a));
    near(flatNumbers(rows), [nll(1, 2), nll(5, 3), Math.log(2), 0], 1e-6, "loss");
  });

  it("a label that is no class is named with its row", () => {
    assert.throws(() => crossEntropy(tensor(golden.logits), int64([0, 1, 2, 4, 0, 0])), {
      code: "ERR_LABEL_RANGE",
      message: /labels hold 4, the logits have 4 classes \(0\.\.3\): row 3 of the batch/,
    });
    assert.throws(() => crossEntropy(tensor(golden.logits), int64([0, -1, 2, 3, 0, 0])), { code: "ERR_LABEL_RANGE" });
  });

  it("operands that do not fit are refused with what to do", () => {
    assert.throws(() => crossEntropy(tensor(golden.logits), tensor([1, 2, 3])), { code: "ERR_DTYPE", message: /class numbers are needed/ });
    assert.throws(() => crossEntropy(tensor([1, 2]), int64([1, 1])), { code: "ERR_SHAPE", message: /logits are \[\.\.\., classes\]/ });
    assert.throws(() => crossEntropy(tensor(golden.logits), labels, { labelSmoothing: 2 }), { code: "ERR_ARGUMENT" });
    assert.throws(() => mseLoss(tensor([[1], [2]]), tensor([1, 2])), { code: "ERR_SHAPE", message: /broadcasting/ });
    assert.throws(() => dropout(tensor([1]), { p: 1.5 }), { code: "ERR_ARGUMENT" });
  });
});

it("a row that is ignored counts 0, also where its first class is impossible", async () => {
  const scores = new Parameter(
    tensor([
      [1, 2, 3],
      [0, 0, 0],
    ]),
  );
  const logits = scores.add(
    tensor([
      [0, 0, 0],
      [Number.NEGATIVE_INFINITY, 0, 0],
    ]),
  );
  const loss = crossEntropy(logits, int64([2, -100]));
  await loss.backward();
  near([await loss.item()], [0.4076059], 1e-6, "loss");
  const gradient = Array.from((await scores.grad!.data()) as Float32Array);
  assert.deepEqual(gradient.slice(3), [0, 0, 0]);
});

it("a loss refuses targets of another shape, which would be broadcast or left out, outside of a model and in forward", async () => {
  const code = { code: "ERR_SHAPE" };
  const ones = (rows: number, columns: number) => tensor(Array.from({ length: rows }, () => Array.from({ length: columns }, () => 1)));
  assert.throws(() => crossEntropy(ones(4, 3), int64([0, 1])), { ...code, message: /\[4, 3\] take labels \[4\], not \[2\]/ });
  assert.throws(() => crossEntropy(ones(2, 3), int64([0, 1, 2])), code);
  assert.throws(() => mseLoss(ones(4, 1), ones(1, 4)), code);
  assert.throws(() => bceWithLogits(ones(4, 1), ones(1, 4)), code);
  class Scorer extends Module {
    forward(x: Tensor, y: Tensor): Scalar {
      return crossEntropy(x, y);
    }
  }
  const model = new Scorer();
  await model(ones(4, 3), int64([0, 1, 2, 0])).item();
  assert.throws(() => model(ones(4, 3), int64([0, 1])), code);
  await model(ones(2, 3), int64([0, 1])).item();
});
