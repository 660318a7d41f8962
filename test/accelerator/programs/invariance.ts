// Trains on batches of 12 rows of 20 (the second of 8), however many workers share them; prints the weights at the end.
import { Accelerator, AdamW, DataLoader, SGD, tensor } from "accelerate-ts";
import { Linear, mseLoss } from "accelerate-ts/nn";

const kind = process.argv[2];
const accumulation = kind === "accumulate" ? 2 : 1;
await using accelerator = new Accelerator({
  seed: 2,
  gradientAccumulationSteps: accumulation,
  dataloaderConfig: { splitBatches: true, ignoreDuplicates: true },
});
const model = new Linear(2, 1);
const optimizer = kind === "clip" ? new AdamW(model.parameters(), { lr: 0.05 }) : new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
const rows = Array.from({ length: 20 }, (_, i) => [Math.sin(i), Math.cos(3 * i)] as const);
const loader = new DataLoader(rows, {
  batchSize: 12 / accumulation,
  shuffle: true,
  collateFn: (batch: (readonly [number, number])[]) => ({
    x: tensor(batch.map(([a, b]) => [a, b])),
    y: tensor(batch.map(([a, b]) => [2 * a - b + 1])),
  }),
});
await accelerator.prepare(model, optimizer, loader);
for (let epoch = 0; epoch < 3; epoch++)
  for await (const { x, y } of loader)
    await accelerator.accumulate(model, async () => {
      await accelerator.backward(mseLoss(model(x), y));
      if (kind === "clip") await accelerator.clipGradNorm(model.parameters(), 0.5);
      await optimizer.step();
      optimizer.zeroGrad();
    });
if (accelerator.isMainProcess) console.log(JSON.stringify({ weights: [...model.parameters()].flatMap((p) => [...p.values()]) }));
