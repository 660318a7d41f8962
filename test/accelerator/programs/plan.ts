// A schedule for as many steps as the loader has batches before it is dealt to the workers.
import { Accelerator, DataLoader, getScheduler, SGD, tensor } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";

await using accelerator = new Accelerator({ gradientAccumulationSteps: 2 });
const model = new Linear(1, 1);
const optimizer = new SGD(model.parameters(), { lr: 0.1 });
const loader = new DataLoader([1, 2, 3, 4, 5, 6, 7], { batchSize: 1, collateFn: (rows: number[]) => tensor([rows]) });
const evaluation = new DataLoader([1, 2, 3], { batchSize: 1, collateFn: (rows: number[]) => tensor([rows]) });
const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: 2 * loader.length });
await accelerator.prepare(model, optimizer, loader, evaluation, scheduler);
for (let epoch = 0; epoch < 2; epoch++) {
  for await (const x of loader)
    await accelerator.accumulate(model, async () => {
      await accelerator.backward(model(x).sum());
      await optimizer.step();
      scheduler.step();
      optimizer.zeroGrad();
    });
  for await (const x of evaluation) await model(x).data();
}
