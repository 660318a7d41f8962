// The noise of NEFTune: how much there is of it, and where.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setSeed, type Tensor, zeros } from "accelerate-ts";
import { Embedding, Module } from "accelerate-ts/nn";
import { withNeftune } from "../../src/trainer/training/neftune.js";

class Words extends Module {
  table = new Embedding(5, 64, { weightInit: (shape) => zeros(shape) });
  inputEmbeddings(): Embedding {
    return this.table;
  }
  forward(ids: Tensor): Tensor {
    return this.table(ids) as Tensor;
  }
}

describe("noise on embeddings", () => {
  it("is uniform between plus and minus alpha / sqrt(L * D) while training, and nothing in evaluation", async () => {
    setSeed(3);
    const model = new Words();
    const ids = zeros([16, 100], { dtype: "int64" });
    const draw = async () => Array.from((await model(ids).data()) as Float32Array);
    await withNeftune(model, 5, async () => {
      const limit = 5 / Math.sqrt(100 * 64);
      const [first, second] = [await draw(), await draw()];
      assert.notDeepEqual(first, second);
      const share = first.map((x) => x / limit);
      assert.ok(share.every((x) => Math.abs(x) <= 1));
      const mean = share.reduce((a, b) => a + b) / share.length;
      const square = share.reduce((a, b) => a + b * b, 0) / share.length;
      assert.ok(Math.abs(mean) < 0.01, `mean ${mean}`);
      assert.ok(Math.abs(square - 1 / 3) < 0.01, `mean square ${square}`);
      assert.ok(Math.max(...share.slice(0, 6400)) > 0.99 && Math.min(...share.slice(0, 6400)) < -0.99);
      model.eval();
      assert.ok((await draw()).every((x) => x === 0));
    });
  });

  it("is gone when the training has failed", async () => {
    const model = new Words();
    const { table } = model;
    await assert.rejects(
      withNeftune(model, 5, () => Promise.reject(new Error("stopped"))),
      /stopped/,
    );
    assert.equal(model.table, table);
  });
});
