// A consumer's program on several workers for the type checker alone, and every entry point with its types.
import { Accelerator, AdamW, LocalSGD, type ResumePoint } from "accelerate-ts";
import { defineConfig, type LaunchConfig } from "accelerate-ts/config";
import * as data from "accelerate-ts/data";
import * as graph from "accelerate-ts/graph";
import * as metrics from "accelerate-ts/metrics";
import * as models from "accelerate-ts/models";
import * as nn from "accelerate-ts/nn";
import * as trackers from "accelerate-ts/trackers";
import "accelerate-ts/register";

export const config: LaunchConfig = defineConfig({ numProcesses: 4, logDir: "logs", watchdog: 120, mixedPrecision: "no" });
// @ts-expect-error no such setting
defineConfig({ numProceses: 4 });
// @ts-expect-error no such precision
defineConfig({ mixedPrecision: "fp8" });

await using accelerator = new Accelerator({
  gradientAccumulationSteps: 2,
  logWith: ["jsonl"],
  projectConfig: { projectDir: "run", automaticCheckpointNaming: true },
});
const model = new nn.Linear(4, 2);
const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
const loader = new data.DataLoader(data.Dataset.fromRows([{ x: [1, 2, 3, 4], y: 1 }]), { batchSize: 1 });
await accelerator.prepare(model, optimizer, loader);
await accelerator.initTrackers("first");
const resumed: ResumePoint | undefined = await accelerator.loadState();
const parts: [typeof trackers.JsonlTracker, typeof LocalSGD, typeof graph.Graph, typeof models.AutoTokenizer] = [
  trackers.JsonlTracker,
  LocalSGD,
  graph.Graph,
  models.AutoTokenizer,
];
const metric = metrics.loadMetric("accuracy");
for await (const batch of loader) {
  await accelerator.accumulate(model, async () => {
    await accelerator.backward(nn.crossEntropy(model(batch.x), batch.y));
    await optimizer.step();
    optimizer.zeroGrad();
  });
}
await accelerator.saveState();
console.log(resumed, parts, metric);
