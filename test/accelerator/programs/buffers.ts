// Running statistics over workers, asserted by every worker itself: each moves its own within a step, all have rank 0's after it, and these are saved and evaluated with. Ends with "ok".
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Accelerator, AdamW, type Tensor, tensor } from "accelerate-ts";
import { BatchNorm1d, Linear, Module } from "accelerate-ts/nn";

class Model extends Module {
  readonly norm = new BatchNorm1d(2, { momentum: 0.5 });
  readonly head = new Linear(2, 1);
  forward(x: Tensor): Tensor {
    return this.head(this.norm(x));
  }
}
await using accelerator = new Accelerator({ seed: 3, gradientAccumulationSteps: 2 });
const { processIndex: rank } = accelerator;
const model = new Model();
const optimizer = new AdamW(model.parameters(), { lr: 0.01 });
await accelerator.prepare(model, optimizer);
/** Means and unbiased variances of both columns are known: 2 and 2 on rank 0, other ones elsewhere. */
const rows = tensor([
  [1 + rank, 1 + 3 * rank],
  [3 + rank, 3 + 5 * rank],
]);
const statistics = async () => [...(await model.norm.runningMean!.data()), ...(await model.norm.runningVar!.data())];
const first = [0, 0, 1, 1];
for (let step = 0; step < 3; step++) {
  for (let micro = 0; micro < 2; micro++) {
    await accelerator.accumulate(model, async () => {
      await accelerator.backward(model(rows).sum());
      for (let i = 0; i < 4; i++) first[i] = first[i]! / 2 + 1;
      if (rank === 0) assert.deepEqual(await statistics(), first);
      else assert.notDeepEqual(await statistics(), first);
      await optimizer.step();
      optimizer.zeroGrad();
    });
  }
  assert.deepEqual(await statistics(), first);
  assert.equal(await model.norm.numBatchesTracked!.item(), 2 * (step + 1));
}
model.eval();
const outputs = await accelerator.gatherObject([await model(tensor([[1, 2]])).toArray()]);
for (const out of outputs) assert.deepEqual(out, outputs[0]);
const folder = process.argv[2]!;
await accelerator.saveModel(model, folder);
if (accelerator.isMainProcess) {
  const other = new Model();
  assert.ok((await readFile(join(folder, "model.safetensors"))).length > 0);
  await other.load(join(folder, "model.safetensors"));
  assert.deepEqual([...(await other.norm.runningMean!.data()), ...(await other.norm.runningVar!.data())], first);
  console.log("ok");
}
