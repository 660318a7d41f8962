// Training on WebGPU: the same losses, parameters and buffers as on the CPU, and nothing that crosses but batches, masks and what is asked for.
import assert from "node:assert/strict";
import { before, suite, test } from "node:test";
import { Accelerator } from "../../src/accelerator/index.js";
import { Module } from "../../src/nn/index.js";
import { SGD } from "../../src/optim/index.js";
import { defaultExecutor, ones, Parameter, type Tensor } from "../../src/tensor/index.js";
import { testDevices } from "../support/devices.js";
import { assertAlike, bert, cnn, gpt2, imported, train, type Trained, type Training } from "./webgpu-trainings.js";

const trainings: { readonly [name: string]: Training } = {
  "a BERT": bert({ size: 16, layers: 1, dropout: 0 }),
  "a BERT with dropout": { ...bert({ size: 16, layers: 1, dropout: 0.1 }), steps: 3 },
  "a GPT-2": gpt2,
  "a CNN with batch normalization": cnn,
  "an imported model": imported,
};

const [{ device, skip }] = (await testDevices(["webgpu"])) as [Awaited<ReturnType<typeof testDevices>>[number]];

suite("Training on WebGPU", { skip }, () => {
  const expected = new Map<string, Trained>();
  before(async () => {
    for (const [name, training] of Object.entries(trainings)) expected.set(name, await train(training, "cpu"));
  });

  for (const [name, training] of Object.entries(trainings))
    test(`${name} has the CPU's losses, parameters and buffers`, async () => {
      const found = await train(training, device);
      assertAlike(found, expected.get(name)!);
      const masks = name.includes("dropout");
      for (const [i, { uploads, downloads, copies }] of found.crossed.entries()) {
        // Step i + 1: its loss was asked for, and its norm where it clipped.
        assert.equal(downloads, i % 2 === 0 ? 2 : 1, "the loss and the norm alone come down");
        assert.equal(copies, 0);
        if (training.feeds > 0 && !masks) assert.equal(uploads, training.feeds, "batch and constants alone go up");
      }
    });

  test("a gradient is fed as it was to a run that writes another one in its place", async () => {
    const size = 96;
    class Weights extends Module {
      readonly w = new Parameter(ones([size, size]));
      forward(x: Tensor): Tensor {
        return x.matmul(this.w).sum();
      }
    }
    const accelerator = new Accelerator({ device });
    const model = new Weights();
    const optimizer = new SGD(model.parameters(), { lr: 1 });
    await accelerator.prepare(model, optimizer);
    const gradient = async () => [...(await model.w.grad!.data())];
    // Row i is the sum over column i of x.
    await accelerator.backward(model(ones([size, size])));
    assert.ok((await gradient()).every((x) => x === size));
    const before = model.w.grad!;
    optimizer.zeroGrad();
    await accelerator.backward(model(before));
    assert.ok((await gradient()).every((x) => x === size ** 2));
    // Added to what is there.
    await accelerator.backward(model(model.w.grad!));
    assert.ok((await gradient()).every((x) => x === size ** 2 + size ** 3));
    await accelerator.close();
  });

  test("no array is made in a step like those before", async () => {
    const { crossed } = await train({ ...bert({ size: 16, layers: 1, dropout: 0 }), steps: 8 }, device);
    assert.deepEqual(
      crossed.slice(-2).map(({ allocations }) => allocations),
      [0, 0],
    );
    assert.equal(`${defaultExecutor().context!.device}`, "webgpu:0");
  });
});
