// Steps and backward runs in the wrong order are refused, never half done.
import assert from "node:assert/strict";
import { it } from "node:test";
import { AccelerateError } from "../../src/errors.js";
import { Linear } from "../../src/nn/index.js";
import { clipGradNorm, clipGradValue, SGD } from "../../src/optim/index.js";
import { tensor } from "../../src/tensor/index.js";

it("a step, zeroGrad or clipping during a backward that was not awaited is refused", async () => {
  const layer = new Linear(2, 1);
  const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
  const running = layer(tensor([[1, 2]]))
    .sum()
    .backward();
  const inFlight = (error: unknown) => error instanceof AccelerateError && error.code === "ERR_BACKWARD_IN_FLIGHT";
  await assert.rejects(() => optimizer.step(), inFlight);
  assert.throws(() => optimizer.zeroGrad(), inFlight);
  await assert.rejects(() => clipGradNorm(layer.parameters(), 1), inFlight);
  await assert.rejects(() => clipGradValue(layer.parameters(), 1), inFlight);
  await running;
  await optimizer.step();
  optimizer.zeroGrad();
  assert.equal(layer.weight.grad, undefined);
});

it("what runs after a step that was not awaited sees the new values", async () => {
  const layer = new Linear(2, 1, { bias: false });
  layer.weight.set(new Float32Array([1, 1]));
  const optimizer = new SGD(layer.parameters(), { lr: 1 });
  const x = tensor([[1, 2]]);
  await layer(x).sum().backward();
  const step = optimizer.step();
  assert.deepEqual(await layer(x).toArray(), [[-2]]);
  await step;
});
