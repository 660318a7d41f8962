// Concrete tensors: numbers in and out, shapes, indices, and what is refused.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AccelerateError } from "../../src/errors.js";
import { Module } from "../../src/nn/module.js";
import { cpu } from "../../src/runtime/index.js";
import { apply, arange, defaultExecutor, fromData, Parameter, type Tensor, tensor, zeros } from "../../src/tensor/index.js";
import { Affine, close, code, gradOf, x2 } from "./fixtures.js";

describe("concrete tensors", () => {
  it("are float32 unless told, and give numbers back in every form", async () => {
    const t = tensor([[1, 2.5]]);
    assert.equal(t.dtype, "float32");
    assert.deepEqual(t.shape, [1, 2]);
    assert.deepEqual(await t.toArray(), [[1, 2.5]]);
    assert.ok((await t.data()) instanceof Float32Array);
    assert.equal(await tensor(3).item(), 3);
    assert.ok((await tensor([1], { dtype: "int64" }).data()) instanceof BigInt64Array);
    assert.deepEqual(await tensor([1, 0.5], { dtype: "bfloat16" }).toArray(), [1, 0.5]);
  });
  it("refuse ragged numbers, fractions in integers, item() of many, int64 beyond 2^53, and coercion", async () => {
    assert.throws(() => tensor([[1], [2, 3]] as number[][]), code("ERR_SHAPE"));
    assert.throws(() => tensor([0.5], { dtype: "int64" }), code("ERR_DTYPE"));
    await assert.rejects(() => tensor([1, 2]).item(), code("ERR_SHAPE"));
    await assert.rejects(async () => fromData(BigInt64Array.of(2n ** 60n), [1], "int64").toArray(), code("ERR_INT64_RANGE"));
    assert.throws(() => `${tensor(1)}`, code("ERR_TENSOR_COERCED"));
    assert.throws(() => JSON.stringify({ loss: tensor(1) }), code("ERR_TENSOR_COERCED"));
    assert.throws(() => (tensor(1) as unknown as number) > 0, code("ERR_TENSOR_COERCED"));
  });
  it("stay where they are for a device, and name the dtypes for what is none", () => {
    const t = tensor([1]);
    assert.equal(t.to(cpu), t);
    assert.equal(t.to("float32"), t);
    assert.throws(() => t.to("cuda" as "float32"), { code: "ERR_DTYPE", message: /no dtype "cuda": dtypes are float32, .*accelerator\.device/ });
  });
  it("give rows at once, as parts of the same memory", async () => {
    const t = tensor([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ]);
    const before = defaultExecutor().compiled;
    assert.deepEqual(await t.at(1).toArray(), [
      [5, 6],
      [7, 8],
    ]);
    assert.deepEqual(await t.at(-2, 1).toArray(), [3, 4]);
    assert.equal(await t.at(0, -1, 0).item(), 3);
    assert.deepEqual(await arange(3).at(-1).data(), BigInt64Array.of(2n));
    assert.equal(defaultExecutor().compiled, before);
    assert.equal((await t.at(1).data()).buffer, (await t.data()).buffer);
    assert.throws(() => t.at(2), code("ERR_SHAPE"));
    assert.throws(() => t.at(0, 0, 0, 0), code("ERR_SHAPE"));
    assert.throws(() => t.at(0.5), code("ERR_ARGUMENT"));
    assert.throws(() => zeros([0, 2]).at(0), code("ERR_SHAPE"));
  });
  it("give rows in forward that follow the field they are read from", async () => {
    class FirstRow extends Module {
      table = tensor([[1], [2]]);
      forward(x: Tensor): Tensor {
        return x.add(this.table.at(0));
      }
    }
    const model = new FirstRow();
    assert.deepEqual(await model(tensor([1])).toArray(), [2]);
    model.table = tensor([[10], [20]]);
    assert.deepEqual(await model(tensor([1])).toArray(), [11]);
  });
  it("compute with broadcasting, indices and reductions", async () => {
    const t = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    assert.deepEqual(
      await t
        .mul(2)
        .add(tensor([1, 0, -1]))
        .toArray(),
      [
        [3, 4, 5],
        [9, 10, 11],
      ],
    );
    assert.deepEqual(await t.at(":", 0).toArray(), [1, 4]);
    assert.deepEqual(await t.at(-1, "1:").toArray(), [5, 6]);
    assert.deepEqual(t.at(null, 0).shape, [1, 3]);
    assert.deepEqual(await t.sum(0).toArray(), [5, 7, 9]);
    assert.equal(await t.mean().item(), 3.5);
    assert.deepEqual(await t.argmax(-1).toArray(), [2, 2]);
    assert.deepEqual(await t.transpose().reshape([-1]).toArray(), [1, 4, 2, 5, 3, 6]);
    assert.deepEqual(await t.gt(2).to("float32").sum(1).toArray(), [1, 3]);
    assert.deepEqual(await t.maskedFill(t.gt(4), 0).toArray(), [
      [1, 2, 3],
      [4, 0, 0],
    ]);
    assert.deepEqual(await arange(3).toArray(), [0, 1, 2]);
  });
  it("refuse numbers that their dtype cannot hold, and sizes that are none", () => {
    assert.throws(() => tensor([300], { dtype: "uint8" }), code("ERR_DTYPE"));
    assert.throws(() => tensor([2 ** 63], { dtype: "int64" }), code("ERR_DTYPE"));
    assert.throws(() => tensor([1], { dtype: "int8" }).add(1000), code("ERR_DTYPE"));
    assert.throws(() => fromData(new Float32Array(4), [-1, -4]), code("ERR_SHAPE"));
    assert.throws(() => zeros([2.5]), code("ERR_SHAPE"));
    assert.throws(() => zeros([-1]), code("ERR_SHAPE"));
    assert.throws(() => arange(1.5), code("ERR_SHAPE"));
  });
  it("sum up along a dim", async () => {
    const t = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    assert.deepEqual(await t.cumsum(-1).toArray(), [
      [1, 3, 6],
      [4, 9, 15],
    ]);
    assert.deepEqual(await t.to("int64").cumsum(0).toArray(), [
      [1, 2, 3],
      [5, 7, 9],
    ]);
    assert.throws(() => t.cumsum(2), code("ERR_SHAPE"));
    assert.throws(() => t.gt(1).cumsum(0), code("ERR_DTYPE"));
  });
  it("may be empty, also on the way through a model and its backward", async () => {
    assert.deepEqual(await zeros([4, 0]).reshape([0, 4]).toArray(), []);
    assert.deepEqual(await zeros([0, 3]).reshape([2, 0, 2]).toArray(), [[], []]);
    const model = new Affine();
    await model(x2).sum().backward();
    const empty = model(zeros([0, 2])).sum();
    await empty.backward();
    assert.equal(await empty.item(), 0);
    close(await gradOf(model.b), [2, 2]);
  });
  it("are narrowed to positions that are all there, counted from either end", async () => {
    const t = tensor([1, 2, 3, 4]);
    assert.deepEqual(await t.narrow(0, 1, 2).toArray(), [2, 3]);
    assert.deepEqual(await t.narrow(0, -2, 2).toArray(), [3, 4]);
    assert.deepEqual(await t.narrow(0, -3, 2).toArray(), [2, 3]);
    assert.deepEqual(await t.narrow(0, 4, 0).toArray(), []);
    for (const [start, length] of [
      [2, 5],
      [-5, 2],
      [-2, 3],
      [2, -1],
      [0.5, 1],
    ] as const)
      assert.throws(() => t.narrow(0, start, length), code("ERR_SHAPE"));
  });
  it("of rank 0 become vectors when they are flattened, and plain numbers are no tensors", async () => {
    assert.deepEqual(await tensor(3).flatten().toArray(), [3]);
    assert.throws(
      () => apply("tanh", [5 as never]),
      (e: AccelerateError) => /input 0 is a number, not a tensor/.test(e.message),
    );
  });
  it("say which conversion helps where the engine has no kernel for a dtype", async () => {
    await assert.rejects(
      () => tensor([1], { dtype: "bfloat16" }).add(1).data(),
      (e: AccelerateError) => e.code === "ERR_DTYPE" && /to\("float32"\)/.test(e.message),
    );
  });
  it("do not lend their memory to two parameters", async () => {
    const first = zeros([2]);
    const [a, b] = [new Parameter(first), new Parameter(first)];
    a.set(new Float32Array([1, 1]));
    assert.deepEqual(Array.from(b.values()), [0, 0]);
  });
  it("report a misfit where the op is written, with both shapes", () => {
    assert.throws(
      () => tensor([1, 2]).add(tensor([1, 2, 3])),
      (e: AccelerateError) => e.code === "ERR_SHAPE" && /\[2\].*\[3\]/.test(e.message),
    );
    assert.throws(() => tensor([1, 2]).reshape([3]), code("ERR_SHAPE"));
    assert.throws(() => tensor([1, 2]).at(5), code("ERR_SHAPE"));
    assert.throws(() => tensor([1], { dtype: "int64" }).exp(), code("ERR_DTYPE"));
  });
});
