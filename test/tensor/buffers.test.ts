// Buffers that forward writes into: when, in which order, and what a call that is computed again sees.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as nn from "../../src/nn/index.js";
import { Parameter, type Tensor, tensor, updateBuffer, zeros } from "../../src/tensor/index.js";
import { close, code, gradOf } from "./fixtures.js";

/** Halves what it keeps and adds the sum of its input; its output depends on what it kept. */
class Halving extends nn.Module {
  readonly kept = this.registerBuffer("kept", zeros([]), { updated: true });
  readonly w = new Parameter(tensor([1, 2]));
  forward(x: Tensor): { out: Tensor; loss: Tensor } {
    const out = x.mul(this.w).add(this.kept);
    if (this.training) updateBuffer(this.kept, this.kept.mul(0.5).add(x.sum()));
    return { out, loss: out.mul(out).sum() };
  }
}
const kept = async (model: { readonly kept: Tensor }): Promise<number> => (await model.kept.toArray()) as number;

describe("buffers that forward writes into", () => {
  it("are written once per call, however often it is computed", async () => {
    const model = new Halving();
    const { out, loss } = model(tensor([1, 1]));
    assert.equal(await kept(model), 0);
    await loss.item();
    assert.equal(await kept(model), 2);
    await out.toArray();
    await loss.backward();
    assert.equal(await kept(model), 2);
    // The backward computed the call again, with what the buffer held at first: d(x w)^2 / dw = 2 x w x.
    close(await gradOf(model.w), [2, 4]);
  });

  it("are written by a backward, too, and not in evaluation", async () => {
    const model = new Halving();
    await model(tensor([1, 1])).loss.backward();
    assert.equal(await kept(model), 2);
    model.eval();
    close((await model(tensor([1, 1])).out.toArray()) as number[], [3, 4]);
    assert.equal(await kept(model), 2);
  });

  it("calls of one loss write in the order in which they were made, and later ones read what earlier ones wrote", async () => {
    for (const swapped of [false, true]) {
      const model = new Halving();
      const first = model(tensor([1, 1]));
      const second = model(tensor([0, 4]));
      const outs = swapped ? [second.out, first.out] : [first.out, second.out];
      const loss = outs[0]!.sum().mul(2).add(outs[1]!.sum().mul(3));
      const sums = [3, 2 * (0 + 2) + 8];
      const expected = swapped ? 2 * sums[1]! + 3 * sums[0]! : 2 * sums[0]! + 3 * sums[1]!;
      assert.equal(await loss.item(), expected);
      assert.equal(await kept(model), 5);
      await loss.backward();
      assert.equal(await kept(model), 5);
    }
  });

  it("a call of which nothing is computed writes nothing", async () => {
    const model = new Halving();
    model(tensor([1, 1]));
    await model(tensor([2, 2])).loss.backward();
    assert.equal(await kept(model), 4);
  });

  it("a module called twice in one forward sees its first call's numbers in the second", async () => {
    class Twice extends nn.Module {
      readonly inner = new Halving();
      forward(x: Tensor): Tensor {
        return this.inner(x).out.sum().add(this.inner(x).out.sum());
      }
    }
    const model = new Twice();
    assert.equal(await model(tensor([1, 1])).item(), 3 + 3 + 2 * 2);
    assert.equal(await kept(model.inner), 3);
  });

  it("a run that is stopped writes nothing, the next one does", async () => {
    const model = new Halving();
    const { loss } = model(tensor([1, 1]));
    await assert.rejects(loss.item({ signal: AbortSignal.abort() }));
    assert.equal(await kept(model), 0);
    await loss.item();
    assert.equal(await kept(model), 2);
  });

  it("no gradient flows through what is written", async () => {
    class Shadow extends nn.Module {
      readonly w = new Parameter(tensor([3]));
      readonly mean = this.registerBuffer("mean", zeros([1]), { updated: true });
      forward(x: Tensor): Tensor {
        updateBuffer(this.mean, x.mul(this.w));
        return this.mean.mul(this.w).sum();
      }
    }
    const model = new Shadow();
    const loss = model(tensor([2]));
    await loss.backward();
    assert.equal(await loss.item(), 18);
    close(await gradOf(model.w), [6]);
  });

  it("are saved and loaded with the weights", async () => {
    const folder = mkdtempSync(join(tmpdir(), "buffers-"));
    try {
      const model = new nn.Sequential(new nn.Conv2d(1, 2, 1), new nn.BatchNorm2d(2));
      await model(nn.init.normal([4, 1, 3, 3]))
        .sum()
        .backward();
      await model.save(join(folder, "model.safetensors"));
      const other = new nn.Sequential(new nn.Conv2d(1, 2, 1), new nn.BatchNorm2d(2)).eval();
      await other.load(join(folder, "model.safetensors"));
      const x = nn.init.normal([2, 1, 3, 3]);
      assert.deepEqual(await other(x).toArray(), await model.eval()(x).toArray());
      const names = [...other.namedBuffers()].map(([name]) => name);
      assert.deepEqual(names, ["1.running_mean", "1.running_var", "1.num_batches_tracked"]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("wrong uses are told", () => {
    class Wrong extends nn.Module {
      readonly kept = this.registerBuffer("kept", zeros([2]), { updated: true });
      forward(x: Tensor): Tensor {
        updateBuffer(this.kept, x);
        return x;
      }
    }
    assert.throws(() => new Wrong()(tensor([1, 2, 3])), code("ERR_SHAPE"));
    assert.throws(() => new Wrong()(tensor([1, 2], { dtype: "int64" })), code("ERR_SHAPE"));
    assert.throws(() => updateBuffer(zeros([2]), zeros([2])), code("ERR_BUFFER_UPDATE"));
    class Fixed extends nn.Module {
      readonly kept = this.registerBuffer("kept", zeros([2]));
      forward(x: Tensor): Tensor {
        updateBuffer(this.kept, x);
        return x;
      }
    }
    assert.throws(() => new Fixed()(tensor([1, 2])), code("ERR_BUFFER_UPDATE"));
  });
});
