// One worker of a machine with four GPUs: trains a BERT, tells what it has, and lets go of it.   accelerate-ts launch --num-processes 4 machine-worker.js [no|bf16|fp16]
import { Accelerator } from "../../src/accelerator/index.js";
import { AdamW, clipGradNorm } from "../../src/optim/index.js";
import { defaultExecutor, setSeed } from "../../src/tensor/index.js";
import { mark } from "../doubles/machine.js";
import { bert } from "./webgpu-trainings.js";

const accelerator = new Accelerator({ seed: 7, mixedPrecision: (process.argv[2] ?? "no") as "no" });
setSeed(7);
const { model: make, loss: lossOf } = bert({ size: 16, layers: 2, dropout: 0 });
const model = await make();
model.train();
const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
await accelerator.prepare(model, optimizer);
for (let step = 0; step < 6; step++) {
  mark(`step ${step}`);
  const loss = lossOf(model as never, step + accelerator.processIndex);
  await accelerator.backward(loss);
  await clipGradNorm(model.parameters(), 1);
  await optimizer.step();
  optimizer.zeroGrad();
  await defaultExecutor().context?.synchronize();
}
mark("end");
let sum = 0;
for (const p of model.parameters()) sum += p.values().reduce((a, b) => a + b, 0);
process.stdout.write(
  `${JSON.stringify({ rank: accelerator.processIndex, of: accelerator.numProcesses, device: `${defaultExecutor().context?.device}`, sum })}\n`,
);
await accelerator.close();
