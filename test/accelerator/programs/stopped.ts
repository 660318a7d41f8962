// Trains until it is asked to stop, by a signal to its launcher in the middle, and saves where the stop reaches it; run again it goes on.
//   launch --num-processes N stopped.js folder accumulation result.json
import { writeFile } from "node:fs/promises";
import { Accelerator, DataLoader, SGD, StoppedError, tensor } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";

const [projectDir, accumulation, out] = process.argv.slice(2);
await using accelerator = new Accelerator({ seed: 3, projectDir: projectDir!, gradientAccumulationSteps: Number(accumulation) });
const rows = Array.from({ length: 4000 }, (_, i) => i);
const loader = new DataLoader(rows, { batchSize: 1, collateFn: (batch: number[]) => ({ rows: batch, x: tensor(batch.map((i) => [i / rows.length])) }) });
const model = new Linear(1, 1);
const optimizer = new SGD(model.parameters(), { lr: 0.01 });
await accelerator.prepare(model, optimizer, loader);
const resumed = await accelerator.loadState();
const trained: number[] = [];
try {
  for await (const { rows: own, x } of loader) {
    await accelerator.accumulate(model, async () => {
      await accelerator.backward(model(x).mean());
      trained.push(...own);
      await optimizer.step();
      optimizer.zeroGrad();
    });
    if (resumed && trained.length === 5) break;
    if (!resumed && trained.length === 7 && accelerator.isMainProcess) process.kill(process.ppid, "SIGINT");
  }
} catch (error) {
  if (!(error instanceof StoppedError)) throw error;
  await accelerator.saveState();
}
const all = await accelerator.gatherObject(trained);
await accelerator.onMainProcess(() => writeFile(out!, JSON.stringify({ trained: all, resumed: resumed !== undefined })));
