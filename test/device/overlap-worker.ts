// One worker of a machine with GPUs: trains a BERT of several layers in several ways, one after the other.   overlap-worker.js '[{"name":"after","overlapComm":false},{"name":"during","overlapComm":true}]'
import { Accelerator } from "../../src/accelerator/index.js";
import { Linear } from "../../src/nn/index.js";
import { AdamW, clipGradNorm } from "../../src/optim/index.js";
import { defaultExecutor, setSeed } from "../../src/tensor/index.js";
import { mark } from "../doubles/machine.js";
import { type OverlapRun, steps } from "./overlap.js";
import { bert } from "./webgpu-trainings.js";

async function train({ name, overlapComm, stage, precision = "no", accumulate = 1, idle = false, unasked = [] }: OverlapRun): Promise<void> {
  await using accelerator = new Accelerator({
    seed: 7,
    mixedPrecision: precision,
    gradientAccumulationSteps: accumulate,
    ddp: { overlapComm, bucketCapMb: 0.06 },
    ...(stage !== undefined && { zero: { stage } }),
  });
  setSeed(7);
  const { model: make, loss: lossOf } = bert({ size: 64, layers: 4, dropout: 0 });
  const model = await make();
  model.train();
  const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
  if (idle) await accelerator.prepare(new Linear(64, 64));
  await accelerator.prepare(model, optimizer);
  const context = defaultExecutor().context!;
  for (let step = 0; step < steps; step++) {
    await context.synchronize();
    mark(`${name} ${step}`);
    for (let micro = 0; micro < accumulate; micro++)
      await accelerator.accumulate(model, async () => {
        await accelerator.backward(lossOf(model as never, step + accelerator.processIndex));
        if (accelerator.syncGradients) {
          mark(`${name} ${step} launched`);
          await clipGradNorm(model.parameters(), 1);
        }
        await optimizer.step();
        optimizer.zeroGrad();
      });
  }
  await context.synchronize();
  mark(`${name} ended`);
  if (unasked.includes(accelerator.processIndex)) await accelerator.backward(lossOf(model as never, steps));
}

for (const run of JSON.parse(process.argv[2] ?? "[]") as OverlapRun[]) await train(run);
