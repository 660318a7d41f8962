// backward: what runs, what comes out of the run, and which gradients are where afterwards.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Module } from "../../src/nn/module.js";
import { apply, defaultExecutor, defaultGenerator, fromData, Parameter, setSeed, type Tensor, tensor } from "../../src/tensor/index.js";
import { Affine, close, code, gradOf, Noisy, x2 } from "./fixtures.js";

describe("backward", () => {
  it("adds to the gradients until they are zeroed", async () => {
    const model = new Affine();
    const step = async () => await model(x2).sum().backward();
    await step();
    close(await gradOf(model.w), [3, 3, 1, 1]);
    close(await gradOf(model.b), [2, 2]);
    await step();
    close(await gradOf(model.w), [6, 6, 2, 2]);
    for (const p of model.parameters()) p.segment()!.hasGrad = false;
    assert.equal(model.w.grad, undefined);
    await step();
    close(await gradOf(model.b), [2, 2]);
  });
  it("meets several calls in one loss and sums their gradients", async () => {
    const model = new Affine();
    const loss = model(x2)
      .sum()
      .add(
        model(tensor([[1, 0]]))
          .sum()
          .mul(10),
      );
    await loss.backward();
    close(await gradOf(model.w), [13, 13, 1, 1]);
    close(await gradOf(model.b), [12, 12]);
  });
  it("feeds numbers and concrete tensors, so that an annealed weight compiles nothing", async () => {
    const model = new Affine();
    const step = async (weight: number, shift: number[]) => {
      const loss = model(x2).add(tensor(shift)).mul(weight).sum();
      await loss.backward();
      return await loss.item();
    };
    assert.equal(await step(1, [0, 0]), 16);
    const compiled = defaultExecutor().compiled;
    assert.equal(await step(0.5, [1, 1]), 10);
    assert.equal(await step(0.25, [2, 2]), 6);
    assert.equal(defaultExecutor().compiled, compiled);
  });
  it("compiles once for reshapes outside of a model that name the sizes of the batch", async () => {
    const model = new Affine();
    const step = async (rows: number) => {
      const y = model(fromData(new Float32Array(rows * 4).fill(1), [rows, 2, 2]));
      const pairs = y
        .reshape([rows * 2, 2])
        .reshape([rows, 2, 2, 1])
        .reshape([rows, 4]);
      assert.deepEqual(pairs.shape, [rows, 4]);
      await pairs.sum().backward();
      return await pairs.toArray();
    };
    const row = [4.5, 5.5, 4.5, 5.5];
    assert.deepEqual(await step(3), [row, row, row]);
    const compiled = defaultExecutor().compiled;
    assert.deepEqual(await step(5), [row, row, row, row, row]);
    assert.deepEqual(await step(7), [row, row, row, row, row, row, row]);
    assert.equal(defaultExecutor().compiled, compiled);
    assert.deepEqual(await step(1), [row]);
    assert.deepEqual(await step(2), [row, row]);
    assert.throws(() => model(x2).reshape([3]), code("ERR_SHAPE"));
    assert.throws(() => model(x2).reshape([-1, 3]), code("ERR_SHAPE"));
    assert.throws(() => model(x2).reshape([2, -2]), code("ERR_SHAPE"));
  });
  it("brings out the loss and every sink in its one run", async () => {
    const model = new Affine();
    const y = model(x2);
    const loss = y.mean();
    const largest = y.argmax(-1);
    const runs = defaultExecutor().runs;
    await loss.backward();
    assert.equal(await loss.item(), 4);
    assert.deepEqual(await largest.toArray(), [1, 1]);
    assert.equal(defaultExecutor().runs, runs + 1);
  });
  it("leaves computed values readable for ever, and refuses what was not touched once parameters have changed", async () => {
    const model = new Noisy();
    const out = model(tensor([1, 1, 1, 1]));
    const { loss } = out;
    await loss.backward();
    const value = await loss.item();
    model.w.set(new Float32Array([0, 0, 0, 0]));
    assert.equal(await loss.item(), value);
    await assert.rejects(() => out.dropped.data(), code("ERR_STALE_OUTPUT"));
    await assert.rejects(
      () =>
        model(tensor([1, 1, 1, 1]))
          .loss.add(loss)
          .backward(),
      code("ERR_STALE_OUTPUT"),
    );
    await model(tensor([1, 1, 1, 1]))
      .loss.add(loss.detach())
      .backward();
  });
  it("computes what is asked for later with the same dropout, as long as parameters have not changed", async () => {
    setSeed(5);
    const model = new Noisy();
    const out = model(tensor([1, 1, 1, 1]));
    const { loss } = out;
    await loss.backward();
    const dropped = (await out.dropped.data()) as Float32Array;
    assert.equal(
      dropped.reduce((a, b) => a + b, 0),
      await loss.item(),
    );
  });
  it("runs forward again with the same masks when a value was read before", async () => {
    setSeed(11);
    const model = new Noisy();
    const { loss, dropped } = model(tensor([1, 1, 1, 1]));
    const before = (await dropped.data()) as Float32Array;
    await loss.backward();
    const gradient = await gradOf(model.w); // d(sum)/dw = keep / (1 - p) * x = dropped / w
    close(
      gradient,
      Array.from(before, (v, i) => v / (i + 1)),
    );
  });
  it("draws other masks in the next step, the same ones after the same seed", async () => {
    const big = tensor(Array.from({ length: 64 }, () => 1));
    class Wide extends Module {
      readonly w = new Parameter(big);
      forward(x: Tensor): Tensor {
        return apply("dropout", [x.mul(this.w)], { p: 0.5 });
      }
    }
    const model = new Wide();
    const draw = async () => {
      const y = model(big);
      await y.sum().backward();
      return Array.from((await y.data()) as Float32Array);
    };
    setSeed(1);
    const [a, b] = [await draw(), await draw()];
    assert.notDeepEqual(a, b);
    setSeed(1);
    assert.deepEqual(await draw(), a);
    const state = defaultGenerator().state;
    assert.deepEqual(await draw(), b);
    defaultGenerator().state = state;
    assert.deepEqual(await draw(), b);
  });
  it("goes through dropout that is applied outside of a model, with the masks of a value that was read before", async () => {
    setSeed(2);
    const w = new Parameter(tensor([1, 1, 1, 1, 1, 1, 1, 1]));
    const compiled = defaultExecutor().compiled;
    for (let i = 0; i < 3; i++) {
      const y = apply("dropout", [w], { p: 0.5 });
      const before = Array.from((await y.data()) as Float32Array);
      assert.ok(before.every((v) => v === 0 || v === 2));
      await y.sum().backward();
      close(await gradOf(w), before);
      w.segment()!.hasGrad = false;
    }
    assert.equal(defaultExecutor().compiled, compiled + 2);
  });
  it("stops at detach and at frozen parameters", async () => {
    const model = new Affine();
    model.b.requiresGrad = false;
    const y = model(x2);
    await y.detach().mul(y).sum().backward();
    assert.equal(model.b.grad, undefined);
    close(await gradOf(model.w), [1 * 4.5 + 2 * 2.5, 1 * 5.5 + 2 * 3.5, 4.5, 5.5]);
  });
  it("freezes and thaws between the call and backward", async () => {
    const model = new Affine();
    const step = async (trainable: boolean) => {
      const loss = model(x2).sum();
      model.w.requiresGrad = trainable;
      await loss.backward();
      const reached = model.w.grad !== undefined;
      for (const p of model.parameters()) if (p.segment()) p.segment()!.hasGrad = false;
      model.w.requiresGrad = true;
      return reached;
    };
    assert.deepEqual([await step(false), await step(true), await step(false)], [false, true, false]);
  });
  it("reaches parameters used outside a model", async () => {
    const scale = new Parameter(tensor(2));
    const model = new Affine();
    await model(x2).sum().mul(scale).backward();
    close(await gradOf(scale), [16]);
    close(await gradOf(model.b), [4, 4]);
  });
  it("chains models: the output of one is the input of the next", async () => {
    const [first, second] = [new Affine(), new Affine()];
    await second(first(x2)).sum().backward();
    close(await gradOf(first.b), [6, 14]);
    close(await gradOf(second.b), [2, 2]);
  });
  it("refuses a loss that is no float scalar, or that depends on no parameter", async () => {
    await assert.rejects(() => new Affine()(x2).backward(), code("ERR_SHAPE"));
    await assert.rejects(() => tensor(1).mul(2).backward(), code("ERR_BACKWARD_NO_PARAMETERS"));
    await assert.rejects(() => new Affine()(x2).argmax(-1).sum().backward(), code("ERR_DTYPE"));
  });
  it("keeps running totals of losses without keeping every step", async () => {
    const model = new Affine();
    let total: Tensor = tensor(0);
    for (let i = 0; i < 4; i++) {
      const loss = model(x2).mean();
      total = total.add(loss);
      await loss.backward();
      model.w.changed();
    }
    const compiled = defaultExecutor().compiled;
    assert.equal(await total.item(), 16);
    assert.equal(defaultExecutor().compiled, compiled);
  });
  it("stops when its signal is aborted", async () => {
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await assert.rejects(() => new Affine()(x2).sum().backward({ signal: controller.signal }), /enough/);
  });
});
