// The rules of tensors, laziness and backward that users rely on, each by running it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { AccelerateError } from "../../src/errors.js";
import { Module } from "../../src/nn/module.js";
import { apply, arange, defaultExecutor, defaultGenerator, fromData, Parameter, setSeed, type Tensor, tensor, zeros } from "../../src/tensor/index.js";

const code = (expected: string) => (error: unknown) => error instanceof AccelerateError && error.code === expected;
const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5) => {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) assert.ok(Math.abs(actual[i]! - expected[i]!) <= tolerance, `position ${i}: ${actual[i]} is not ${expected[i]}`);
};
const gradOf = async (p: Parameter): Promise<number[]> => Array.from(await p.grad!.data());

/** y = x w + b, [B, 2] -> [B, 2] */
class Affine extends Module {
  readonly w = new Parameter(
    tensor([
      [1, 2],
      [3, 4],
    ]),
  );
  readonly b = new Parameter(tensor([0.5, -0.5]));
  traced = 0;
  forward(x: Tensor): Tensor {
    this.traced++;
    return x.matmul(this.w).add(this.b);
  }
}
class Noisy extends Module {
  readonly w = new Parameter(tensor([1, 2, 3, 4]));
  forward(x: Tensor): { dropped: Tensor; loss: Tensor } {
    const dropped = this.training ? apply("dropout", [x.mul(this.w)], { p: 0.5 }) : x.mul(this.w);
    return { dropped, loss: dropped.sum() };
  }
}
const x2 = tensor([
  [1, 1],
  [2, 0],
]);

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
    assert.throws(() => (tensor(1) as unknown as number) > 0, code("ERR_TENSOR_COERCED"));
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

describe("a model call", () => {
  it("is traced once and compiled once for all sizes", async () => {
    const model = new Affine();
    const run = async (rows: number) => {
      const y = model(fromData(new Float32Array(rows * 2).fill(1), [rows, 2]));
      return await y.sum().item();
    };
    assert.equal(await run(3), 30);
    const compiled = defaultExecutor().compiled;
    assert.equal(await run(5), 50);
    assert.equal(await run(1), 10);
    assert.equal(await run(7), 70);
    assert.equal(model.traced, 1);
    assert.equal(defaultExecutor().compiled, compiled);
  });
  it("is traced anew for another mode, dtype, structure or pattern of frozen parameters, and remembers each", () => {
    const model = new Affine();
    model(x2);
    model.eval();
    model(x2);
    model.w.requiresGrad = false;
    model(x2);
    assert.equal(model.traced, 3);
    model.train();
    model.w.requiresGrad = true;
    model(x2);
    assert.equal(model.traced, 3);
  });
  it("gives outputs that nothing touches until they are read", async () => {
    const model = new Noisy();
    const out = model(tensor([1, 1, 1, 1]));
    assert.deepEqual(Object.keys(out), ["dropped", "loss"]);
    assert.ok("loss" in out);
    inspect(out);
    await out;
    const before = defaultExecutor().compiled;
    await out.loss.item(); // had dropped been touched, it would be a second output
    const again = model(tensor([1, 1, 1, 1]));
    const { ...all } = again;
    await all.loss.item();
    assert.equal(defaultExecutor().compiled, before + 2);
  });
  it("says that a symbolic size is no number", () => {
    class Sized extends Module {
      forward(x: Tensor): Tensor {
        return x.mul((x.shape[0] as number) * 2);
      }
    }
    assert.throws(() => new Sized()(x2), code("ERR_SYMBOLIC_SIZE"));
  });
  it("says that a tensor of forward is none outside of it", () => {
    let inside: Tensor | undefined;
    class Leaks extends Module {
      forward(x: Tensor): Tensor {
        inside = x;
        return x;
      }
    }
    new Leaks()(x2);
    assert.throws(() => inside!.add(1), code("ERR_TRACE_LEAK"));
  });
  it("takes symbolic sizes where sizes are taken", async () => {
    class Sized extends Module {
      forward(x: Tensor): Tensor {
        return x.reshape([x.size(1), x.size(0)]).add(arange(x.size(0)).to("float32"));
      }
    }
    const model = new Sized();
    assert.deepEqual(
      await model(
        tensor([
          [1, 2, 3],
          [4, 5, 6],
        ]),
      ).toArray(),
      [
        [1, 3],
        [3, 5],
        [5, 7],
      ],
    );
    assert.deepEqual(await model(tensor([[1, 2]])).toArray(), [[1], [2]]);
  });
  it("narrows to a symbolic length, for every length and for its gradient", async () => {
    class Positions extends Module {
      readonly table = new Parameter(tensor([1, 2, 3, 4]));
      traced = 0;
      forward(x: Tensor): Tensor {
        this.traced++;
        return x.mul(this.table.narrow(0, 0, x.size(0)));
      }
    }
    const model = new Positions();
    assert.deepEqual(await model(tensor([1, 1])).toArray(), [1, 2]);
    assert.deepEqual(await model(tensor([1, 1, 1])).toArray(), [1, 2, 3]);
    await model(tensor([5, 6, 7]))
      .sum()
      .backward();
    close(await gradOf(model.table), [5, 6, 7, 0]);
    assert.equal(model.traced, 1);
    assert.deepEqual(await model(tensor([1, 1, 1, 1])).toArray(), [1, 2, 3, 4]);
    assert.throws(() => model(tensor([1, 1, 1, 1, 1])), code("ERR_SHAPE"));
  });
  it("refuses a parameter that is not found among the fields, and an async forward", () => {
    const hidden = new Parameter(tensor([1, 2]));
    class Hides extends Module {
      forward(x: Tensor): Tensor {
        return x.mul(hidden);
      }
    }
    assert.throws(() => new Hides()(x2), code("ERR_PARAMETER_UNREGISTERED"));
    class Waits extends Module {
      async forward(x: Tensor): Promise<Tensor> {
        return x;
      }
    }
    assert.throws(() => new Waits()(x2), code("ERR_TRACE_ASYNC"));
  });
  it("holds for a batch of one where more were traced, and for more where one was traced", async () => {
    class Center extends Module {
      readonly w = new Parameter(tensor([1, 2]));
      forward(x: Tensor): Tensor {
        return x.sub(x.mean(0)).mul(this.w).add(x);
      }
    }
    const model = new Center();
    assert.deepEqual(await model(tensor([[3, 4]])).toArray(), [[3, 4]]);
    await model(tensor([[3, 4]]))
      .sum()
      .backward();
    assert.deepEqual(await model(x2).toArray(), [
      [0.5, 2],
      [2.5, -1],
    ]);
    await model(x2).mul(x2).sum().backward();
    close(await gradOf(model.w), [0.5, 0.5]);
  });
});

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
