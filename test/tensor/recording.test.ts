// What a recording keeps and forgets: staleness of all that reads parameters, long recordings, and memory over many steps.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { AccelerateError } from "../../src/errors.js";
import { crossEntropy } from "../../src/nn/index.js";
import { Module } from "../../src/nn/module.js";
import { SGD } from "../../src/optim/index.js";
import { defaultExecutor, fromData, full, Parameter, type Tensor, tensor, zeros } from "../../src/tensor/index.js";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;
/** Whether all of them are collected: what a turn of the event loop still holds goes with the next ones. */
async function collected(refs: readonly WeakRef<Tensor>[]): Promise<boolean> {
  for (let i = 0; i < 1000; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    gc();
    if (refs.every((ref) => ref.deref() === undefined)) return true;
  }
  return false;
}
const code = (expected: string) => (error: unknown) => error instanceof AccelerateError && error.code === expected;

class Scale extends Module {
  readonly w: Parameter;
  constructor(size = 2) {
    super();
    this.w = new Parameter(full([size], 2));
  }
  forward(x: Tensor): Tensor {
    return x.mul(this.w);
  }
}
const x2 = tensor([1, 2]);

describe("stale is what reads a parameter that has changed", () => {
  it("also outside of a module", async () => {
    const w = new Parameter(tensor([1, 2]));
    const [doubled, cut] = [w.mul(2), w.detach()];
    w.set(new Float32Array([5, 5]));
    await assert.rejects(() => doubled.data(), code("ERR_STALE_OUTPUT"));
    await assert.rejects(() => cut.data(), code("ERR_STALE_OUTPUT"));
  });
  it("also as an argument of a module", async () => {
    const w = new Parameter(tensor([1, 2]));
    const y = new Scale()(w);
    w.set(new Float32Array([5, 5]));
    await assert.rejects(() => y.data(), code("ERR_STALE_OUTPUT"));
  });
  it("but not what reads another parameter that has a gradient in the same loss", async () => {
    const [a, b] = [new Scale(), new Scale()];
    await a(x2).add(b(x2)).sum().backward();
    const optimizer = new SGD(a.parameters(), { lr: 0.1 });
    const [ya, yb] = [a(x2), b(x2)];
    await optimizer.step();
    assert.deepEqual(await yb.toArray(), [2, 4]);
    await assert.rejects(() => ya.data(), code("ERR_STALE_OUTPUT"));
  });
  it("but not class numbers that were computed with older parameters: no gradient flows through them", async () => {
    const model = new Scale();
    const best = model(x2).argmax(0);
    assert.equal(await best.item(), 1);
    model.w.changed();
    const loss = model(x2).mul(best.to("float32")).sum();
    await loss.backward();
    assert.equal(await loss.item(), 6);
  });
});

describe("a recording", () => {
  it("may be thousands of ops long", async () => {
    let y: Tensor = tensor(0);
    for (let i = 0; i < 3000; i++) y = y.add(1);
    assert.equal(await y.item(), 3000);
  });
  it("may meet itself again and again", async () => {
    let y: Tensor = tensor(1);
    for (let i = 0; i < 60; i++) y = y.add(y).div(2);
    await y.item();
    assert.equal(await y.add(1).item(), 2);
  });
  it("keeps no step alive through a tensor that every step uses", async () => {
    const model = new Scale();
    const factor = tensor([1, 2]).mul(3);
    const inputs: WeakRef<Tensor>[] = [];
    for (let i = 0; i < 5; i++) {
      const x = fromData(new Float32Array(2), [2]);
      inputs.push(new WeakRef<Tensor>(x));
      await model(x).mul(factor).sum().backward();
      model.w.changed();
    }
    assert.ok(await collected(inputs.slice(0, -1)), "a step's input is kept alive");
    assert.deepEqual(await factor.toArray(), [3, 6]);
  });
  it("keeps no batch of an evaluation alive through a count that is read after each", async () => {
    const model = new Scale().eval();
    let correct: Tensor = tensor(0, { dtype: "int64" });
    const inputs: WeakRef<Tensor>[] = [];
    for (let i = 0; i < 5; i++) {
      const x = fromData(new Float32Array([1, 3]), [2]);
      inputs.push(new WeakRef<Tensor>(x));
      correct = correct.add(model(x).argmax(0));
      await correct.item();
    }
    assert.ok(await collected(inputs.slice(0, -1)), "a step's input is kept alive");
    assert.equal(await correct.item(), 5);
  });
  it("is compiled once for 50 steps with running totals of a loss and of a count", async () => {
    class Classes extends Module {
      readonly w = new Parameter(
        tensor([
          [1, 2],
          [3, 4],
        ]),
      );
      forward(x: Tensor): Tensor {
        return x.matmul(this.w);
      }
    }
    const model = new Classes();
    const optimizer = new SGD(model.parameters(), { lr: 0.01 });
    let [total, correct]: Tensor[] = [tensor(0), tensor(0, { dtype: "int64" })];
    const compiled = defaultExecutor().compiled;
    for (let i = 0; i < 50; i++) {
      const logits = model(tensor([[1, 0]]));
      const labels = tensor([1], { dtype: "int64" });
      const loss = crossEntropy(logits, labels);
      total = total!.add(loss);
      correct = correct!.add(logits.argmax(-1).eq(labels).to("int64").sum());
      await loss.backward();
      await optimizer.step();
      optimizer.zeroGrad();
    }
    assert.equal(await correct!.item(), 50);
    assert.ok((await total!.item()) > 0);
    assert.equal(defaultExecutor().compiled, compiled + 1);
  });
  it("leaves no program behind when its module is gone", async () => {
    const executor = defaultExecutor();
    const train = async () => {
      const model = new Scale(1000);
      await model(zeros([1000]))
        .sum()
        .backward();
    };
    await train();
    const before = executor.held;
    for (let i = 0; i < 5; i++) await train();
    for (let i = 0; i < 1000 && executor.held > before; i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.ok(executor.held <= before, `${executor.held} programs are held, ${before} were`);
  });
});
