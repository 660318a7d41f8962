// Convolutional networks: trained as torch trains them (test/golden/make/conv_training.py), and what their layers refuse.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as nn from "../../src/nn/index.js";
import { SGD } from "../../src/optim/index.js";
import { packageRoot } from "../../src/package-root.js";
import { defaultExecutor, fromData, setSeed, type Tensor, tensor, zeros } from "../../src/tensor/index.js";

interface Described {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}
interface Training {
  readonly before: Readonly<Record<string, Described>>;
  readonly batches: readonly { readonly x: Described; readonly y: Described }[];
  readonly losses: readonly number[];
  readonly after: Readonly<Record<string, Described>>;
  readonly evaluated: Described;
  readonly repr: string;
}
const golden = JSON.parse(readFileSync(join(packageRoot(), "test/golden/conv-training.json"), "utf8")) as Readonly<Record<"classifier" | "painter", Training>>;

class Classifier extends nn.Module {
  readonly body = new nn.Sequential(
    new nn.Conv2d(1, 4, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(4, 8, 3, { stride: 2, padding: 1 }),
    new nn.GroupNorm(2, 8),
    new nn.SiLU(),
    new nn.Conv2d(8, 8, 1, { groups: 2 }),
    new nn.BatchNorm2d(8, { momentum: null }),
    new nn.ReLU(),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
  );
  readonly norm = new nn.BatchNorm1d(8, { affine: false });
  readonly head = new nn.Linear(8, 3);
  forward(x: Tensor): Tensor {
    return this.head(this.norm(this.body(x)));
  }
}

class Painter extends nn.Module {
  readonly down = new nn.Sequential(
    new nn.Conv2d(2, 6, 3, { stride: 2, padding: 1 }),
    new nn.InstanceNorm2d(6, { affine: true }),
    new nn.LeakyReLU(0.2),
    new nn.AvgPool2d(2),
  );
  readonly up = new nn.Sequential(
    new nn.ConvTranspose2d(6, 8, 3, { stride: 2, padding: 1, outputPadding: 1 }),
    new nn.Mish(),
    new nn.Upsample({ scaleFactor: 2, mode: "bilinear" }),
    new nn.Hardswish(),
    new nn.Conv2d(8, 8, 3, { padding: "same" }),
    new nn.Softplus(),
    new nn.AdaptiveAvgPool2d(3),
    new nn.PixelShuffle(2),
  );
  forward(x: Tensor): Tensor {
    return this.up(this.down(x));
  }
}

const floats = ({ shape, values }: Described): Tensor => fromData(Float32Array.from(values), shape, "float32");
function near(actual: ArrayLike<number | bigint>, expected: readonly number[], bound: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  for (const [i, want] of expected.entries())
    assert.ok(Math.abs(Number(actual[i]) - want) <= bound * Math.max(1, Math.abs(want)), `${what}: ${actual[i]} in place ${i}, torch has ${want}`);
}

/** Trains as torch did, and compares what came of it: losses, parameters, buffers, outputs in evaluation. */
async function trainAsTorch(model: nn.Module & ((x: Tensor) => Tensor), of: Training, lossOf: (out: Tensor, y: Described) => Tensor): Promise<void> {
  const parameters = new Map(model.namedParameters());
  const buffers = new Map(model.namedBuffers());
  assert.deepEqual([...parameters.keys(), ...buffers.keys()].sort(), Object.keys(of.before).sort());
  for (const [name, p] of parameters) {
    assert.deepEqual(p.shape, of.before[name]!.shape, name);
    p.set(Float32Array.from(of.before[name]!.values));
  }
  for (const [name, x] of buffers) near(await x.data(), of.before[name]!.values, 0, name);
  const optimizer = new SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
  const losses: number[] = [];
  for (const { x, y } of of.batches) {
    const loss = lossOf(model(floats(x)), y);
    await loss.backward();
    losses.push(await loss.item());
    await optimizer.step();
    optimizer.zeroGrad();
  }
  near(losses, of.losses, 2e-5, "losses");
  for (const [name, p] of parameters) near(p.values(), of.after[name]!.values, 1e-4, name);
  for (const [name, x] of buffers) near(await x.data(), of.after[name]!.values, 2e-5, name);
  model.eval();
  near((await model(floats(of.batches[0]!.x)).data()) as Float32Array, of.evaluated.values, 2e-4, "evaluated");
}

describe("convolutional networks", () => {
  it("a classifier with batch and group norm trains as in torch, running statistics included", () =>
    trainAsTorch(new Classifier(), golden.classifier, (out, y) => nn.crossEntropy(out, tensor([...y.values], { dtype: "int64" }))));

  it("transposed convolution, upsampling, instance norm and pixel shuffle train as in torch", () =>
    trainAsTorch(new Painter(), golden.painter, (out, y) => nn.mseLoss(out, floats(y))));

  it("print as in torch", () => {
    const lines = (text: string) => text.split("\n").map((line) => line.trim().replace(/^\((\w+)\): /, ""));
    for (const [model, of] of [
      [new Classifier(), golden.classifier],
      [new Painter(), golden.painter],
    ] as const) {
      const ours = new Set(lines(String(model)));
      for (const line of lines(of.repr)) assert.ok(ours.has(line), `${line} is not in\n${String(model)}`);
    }
  });

  it("activations that are computed again move no running statistics again", async () => {
    const found: number[][] = [];
    for (const again of [false, true]) {
      setSeed(2);
      const [first, norm, last] = [new nn.Conv2d(1, 3, 3), new nn.BatchNorm2d(3), new nn.Conv2d(3, 1, 3)];
      class Net extends nn.Module {
        readonly layers = [first, norm, last];
        forward(x: Tensor): Tensor {
          const cut = (y: Tensor): Tensor => (again ? nn.checkpoint(y) : y);
          return last(cut(norm(first(cut(x))).relu())).sum();
        }
      }
      const model = new Net();
      await model(nn.init.normal([4, 1, 6, 6])).backward();
      const gradients = await Promise.all([...model.parameters()].map(async (p) => [...(await p.grad!.data())]));
      found.push([...(await norm.runningMean!.data()), ...(await norm.runningVar!.data()), ...gradients.flat()]);
    }
    near(found[1]!, found[0]!, 1e-6, "with cut points");
  });

  it("one compiled program serves batches of all sizes", async () => {
    const model = new nn.Sequential(new nn.Conv2d(1, 2, 3, { padding: 1 }), new nn.MaxPool2d(2), new nn.Flatten(), new nn.Linear(32, 2));
    const before = defaultExecutor().compiled;
    for (const rows of [2, 3, 5, 4])
      await model(zeros([rows, 1, 8, 8]))
        .sum()
        .backward();
    assert.equal(defaultExecutor().compiled - before, 1);
  });

  it("wrong sizes are refused by name", () => {
    assert.throws(() => new nn.Conv2d(3, 4, 0), /Conv2d: kernelSize/);
    assert.throws(() => new nn.Conv2d(3, 4, [3, 3, 3]), /Conv2d: kernelSize/);
    assert.throws(() => new nn.Conv2d(3, 4, 3, { groups: 2 }), /do not divide into 2 groups/);
    assert.throws(() => new nn.Conv2d(3, 4, 3, { padding: "same", stride: 2 }), /stride 1/);
    assert.throws(() => new nn.MaxPool2d(2, { padding: 2 }), /more than half/);
    assert.throws(() => new nn.GroupNorm(3, 4), /do not divide into 3 groups/);
    assert.throws(() => new nn.BatchNorm2d(4, { momentum: 2 }), /momentum/);
    assert.throws(() => new nn.BatchNorm2d(4)(zeros([2, 4])), /BatchNorm2d takes \[N, C, H, W\]/);
    assert.throws(() => new nn.BatchNorm1d(4)(zeros([1, 4])), /more than one value per channel/);
    assert.throws(() => new nn.Conv2d(3, 4, 3)(zeros([1, 2, 8, 8])), /channels/);
    assert.throws(() => new nn.Conv2d(3, 4, 9)(zeros([1, 3, 8, 8])), /smaller than the kernel/);
    assert.throws(() => nn.interpolate(zeros([1, 1, 2, 2]), {}), /either size or scaleFactor/);
  });

  it("an option that a layer does not have is named, with what was meant", () => {
    const wrong = (options: object) => options as never;
    assert.throws(() => new nn.Conv2d(3, 4, 3, wrong({ strides: 2 })), /Conv2d has no option strides/);
    assert.throws(() => new nn.ConvTranspose2d(3, 4, 3, wrong({ output_padding: 1, stride: 2 })), /write outputPadding/);
    assert.throws(() => new nn.MaxPool2d(2, wrong({ ceil_mode: true })), /write ceilMode/);
    assert.throws(() => new nn.BatchNorm2d(4, wrong({ eps: 1e-3 })), /BatchNorm2d has no option eps/);
    assert.throws(() => new nn.GroupNorm(2, 4, wrong({ eps: 1e-3 })), /GroupNorm has no option eps/);
    assert.throws(() => new nn.Upsample({}), /Upsample: either size or scaleFactor/);
    assert.throws(() => new nn.Upsample({ size: 4, scaleFactor: 2 }), /Upsample: either size or scaleFactor/);
    assert.throws(() => new nn.Upsample(wrong({ scale_factor: 2 })), /write scaleFactor/);
  });

  it("pools that round up leave out windows that begin behind the input, and train", async () => {
    const layer = new nn.AvgPool2d([2, 1], { padding: [1, 0], ceilMode: true });
    const weight = new nn.Parameter(tensor([[[[1], [2], [3]]]]));
    // Windows from -1, 1 and 3: the last one would see pads alone.
    const y = layer(weight.mul(1));
    assert.deepEqual(await y.toArray(), [[[[0.5], [2.5]]]]);
    await y.sum().backward();
    assert.deepEqual([...(await weight.grad!.data())], [0.5, 0.5, 0.5]);
    const up = new nn.MaxPool2d([2, 1], { ceilMode: true })(weight.mul(1));
    assert.deepEqual(await up.toArray(), [[[[2], [3]]]]);
  });

  it("adaptive pools cut as torch does where sizes do not divide", async () => {
    const x = tensor([[[[1, 2, 3, 4, 5]]]]);
    assert.deepEqual(await new nn.AdaptiveAvgPool2d([1, 2])(x).toArray(), [[[[2, 4]]]]);
    assert.deepEqual(await new nn.AdaptiveAvgPool2d([1, 3])(x).toArray(), [[[[1.5, 3, 4.5]]]]);
  });
});
