// A training that is tracked. Arguments: the directory, what is special about it, steps per report.
import { Accelerator, DataLoader, SGD, tensor } from "../../../src/index.js";
import { Linear } from "../../../src/nn/index.js";

const [directory, special = "", every = "10"] = process.argv.slice(2);
const rank = Number(process.env.RANK ?? 0);
const everySteps = special === "differ" ? Number(every) + rank : Number(every);
const accelerator = new Accelerator({ seed: 1, logWith: ["jsonl", "csv", "tensorboard", "wandb"], projectDir: directory!, trackPerformance: { everySteps } });
const rows = Array.from({ length: 400 }, (_, i) => ({ x: [i % 7, 1], attention_mask: [1, i % 2] }));
const collateFn = (batch: readonly (typeof rows)[number][]) => ({
  x: tensor(batch.map(({ x }) => x)),
  attention_mask: tensor(
    batch.map((row) => row.attention_mask),
    { dtype: "int64" },
  ),
});
const loader = new DataLoader(rows, { batchSize: 4, collateFn });
const evaluation = new DataLoader(rows.slice(0, 40), { batchSize: 4, collateFn });
const model = new Linear(2, 1);
const optimizer = new SGD(model.parameters(), { lr: 1e-3 });
await accelerator.prepare(model, optimizer, loader, evaluation);
await accelerator.initTrackers("first", { learningRate: 1e-3 }, { initKwargs: { wandb: { connectMs: 50, finishMs: 200, retryMs: 5 } } });
const wait = (ms: number) => {
  for (const until = performance.now() + ms; performance.now() < until; );
};

if (special === "endless") accelerator.print("pid", process.pid);

let step = 0;
// Of one step, without what is no step: on a machine that is busy elsewhere it may take long.
let longest = 0;
let began = performance.now();
for await (const batch of loader) {
  const loss = model(batch.x).pow(2).mean();
  await accelerator.backward(loss);
  if (special === "uneven" && rank === 1) wait(10);
  await optimizer.step();
  if (step > 0) longest = Math.max(longest, performance.now() - began);
  began = performance.now();
  optimizer.zeroGrad();
  step++;
  await accelerator.log({ train: { loss: await loss.item() } }, { step });
  if (special === "evaluates" && step === 15) {
    for await (const { x } of evaluation) {
      await model(x).sum().item();
      wait(30);
    }
    await accelerator.saveState();
    began = performance.now();
  }
  if (special === "endless") for (let i = 0; i < 3; i++) await accelerator.log({ train: { loss: i } }, { step });
  if (special === "endless" && step % 10 === 0) accelerator.print(`step ${step}`);
}
accelerator.print("longest step", Math.ceil(longest));
accelerator.print("done", accelerator.trackers.map(({ name }) => name).join());
// Ends without closing: the runs are ended all the same.
if (special !== "open") await accelerator.close();
