// A call of a model: traced once per structure, recorded, with outputs that nothing touches until they are read.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { Module } from "../../src/nn/module.js";
import { arange, defaultExecutor, fromData, Parameter, type Tensor, tensor } from "../../src/tensor/index.js";
import { Affine, close, code, gradOf, Noisy, x2 } from "./fixtures.js";

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
  it("prints what there is of its outputs, and touches none", async () => {
    class Both extends Module {
      forward(x: Tensor): { loss: undefined; logits: Tensor; layers: Tensor[] } {
        return { loss: undefined, logits: x.mul(2), layers: [x, x.add(1)] };
      }
    }
    const out = new Both()(tensor([1, 2]));
    const unread = "Tensor float32 [2] (not touched)";
    assert.equal(inspect(out, { breakLength: 1000 }), `{ loss: undefined, logits: ${unread}, layers: [ ${unread}, ${unread} ] }`);
    await out.logits.data();
    assert.equal(inspect([out], { breakLength: 1000 }), `[ { loss: undefined, logits: Tensor float32 [2] [ 2, 4 ], layers: [ ${unread}, ${unread} ] } ]`);
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
