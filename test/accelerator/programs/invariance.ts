// Trains on batches of 12 rows of 20 (the second of 8; or of 25, the third of 1), however many workers share them, in several ways; prints the weights at the end of each.
import { Accelerator, AdamW, DataLoader, SGD, tensor } from "accelerate-ts";
import { Linear, mseLoss } from "accelerate-ts/nn";

interface Way {
  readonly accumulation?: number;
  readonly clips?: boolean;
  /** The program says the weights, and there is a loss scale. */
  readonly says?: boolean;
  readonly rows?: number;
}
const ways: Readonly<Record<string, Way>> = {
  "split batches": {},
  accumulation: { accumulation: 2 },
  clipping: { clips: true },
  "weights and a loss scale": { says: true, rows: 25 },
};

async function train({ accumulation = 1, clips = false, says = false, rows: length = 20 }: Way): Promise<number[]> {
  await using accelerator = new Accelerator({
    seed: 2,
    gradientAccumulationSteps: accumulation,
    ...(says && { gradScaler: {} }),
    dataloaderConfig: { splitBatches: true, ignoreDuplicates: true },
  });
  const model = new Linear(2, 1);
  const optimizer = clips ? new AdamW(model.parameters(), { lr: 0.05 }) : new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const rows = Array.from({ length }, (_, i) => [Math.sin(i), Math.cos(3 * i)] as const);
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
        // The rows that it has, which are none of its own where there are more workers than rows.
        await accelerator.backward(mseLoss(model(x), y), { weight: says ? x.shape[0] : undefined });
        if (clips) await accelerator.clipGradNorm(model.parameters(), 0.5);
        await optimizer.step();
        optimizer.zeroGrad();
      });
  return [...model.parameters()].flatMap((p) => [...p.values()]);
}

const weights: Record<string, number[]> = {};
for (const [name, way] of Object.entries(ways)) weights[name] = await train(way);
if (process.env.RANK === undefined || process.env.RANK === "0") console.log(JSON.stringify(weights));
