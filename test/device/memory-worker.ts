// One worker that tells what its training takes of its GPU.   accelerate-ts launch --num-processes 4 memory-worker.js "stage 0"|"stage 1" 1|2 (micro-batches)
import { Accelerator } from "../../src/accelerator/index.js";
import { AdamW } from "../../src/optim/index.js";
import { poolOf } from "../../src/tensor/array-pool.js";
import { defaultExecutor, setSeed } from "../../src/tensor/index.js";
import { bert } from "./webgpu-trainings.js";

const zero = ({ "stage 0": { stage: 0 }, "stage 1": { stage: 1 } } as const)[process.argv[2]!];
const micro = Number(process.argv[3]);
const accelerator = new Accelerator({ seed: 7, gradientAccumulationSteps: micro, ...(zero && { zero }) });
setSeed(7);
const { model: make, loss: lossOf } = bert({ size: 128, layers: 2, dropout: 0 });
const model = await make();
model.train();
const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
await accelerator.prepare(model, optimizer);
for (let step = 0; step < 4 * micro; step++)
  await accelerator.accumulate(model, async () => {
    await accelerator.backward(lossOf(model as never, step));
    await optimizer.step();
    optimizer.zeroGrad();
  });
const { context } = defaultExecutor();
await context!.synchronize();
let parameters = 0;
for (const p of model.parameters()) parameters += 4 * p.shape.reduce((a, b) => a * b, 1);
// Small results and numbers that stay are pieces of slabs of one MiB for each dtype, whatever the model's size: told apart.
const { slabs } = poolOf(context!);
process.stdout.write(`${JSON.stringify({ rank: accelerator.processIndex, parameters, arrays: context!.memory().arrays - slabs, slabs })}\n`);
await accelerator.close();
