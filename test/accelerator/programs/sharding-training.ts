// The same global batches train the same for any number of workers once duplicates are ignored: every worker compares with a loop over whole batches. Ends with "ok" from the main process.
import assert from "node:assert/strict";
import { Accelerator, DataLoader, type DataloaderConfig, SGD, tensor } from "accelerate-ts";
import { Linear, mseLoss } from "accelerate-ts/nn";

const rows = Array.from({ length: 20 }, (_, i) => ({ x: Math.fround(Math.sin(i * 1.7)), y: Math.fround(Math.cos(i * 0.9) + i / 20) }));
const [batch, epochs, lr] = [12, 3, 0.1];

/** Plain numbers: each window of batches is one step with the mean over its rows. */
function alone(window: number): readonly [weight: number, bias: number] {
  let [w, b] = [0, 0];
  for (let epoch = 0; epoch < epochs; epoch++)
    for (let at = 0; at < rows.length; at += batch * window) {
      const used = rows.slice(at, at + batch * window);
      const errors = used.map(({ x, y }) => 2 * (w * x + b - y));
      const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / used.length;
      [w, b] = [w - lr * mean(errors.map((e, i) => e * used[i]!.x)), b - lr * mean(errors)];
    }
  return [w, b];
}

let world = 1;
async function together(config: DataloaderConfig, window: number): Promise<readonly [weight: number, bias: number]> {
  await using accelerator = new Accelerator({ dataloaderConfig: config, gradientAccumulationSteps: window });
  world = accelerator.numProcesses;
  const model = new Linear(1, 1);
  model.weight.set(new Float32Array(1));
  model.bias!.set(new Float32Array(1));
  const optimizer = new SGD(model.parameters(), { lr });
  const collateFn = (items: typeof rows) => ({ x: tensor(items.map(({ x }) => [x])), y: tensor(items.map(({ y }) => [y])) });
  const loader = new DataLoader(rows, { batchSize: config.splitBatches ? batch : batch / world, collateFn });
  await accelerator.prepare(model, optimizer, loader);
  for (let epoch = 0; epoch < epochs; epoch++)
    for await (const { x, y } of loader)
      await accelerator.accumulate(model, async () => {
        await accelerator.backward(mseLoss(model(x), y));
        await optimizer.step();
        optimizer.zeroGrad();
      });
  const seen = [model.weight.values()[0]!, model.bias!.values()[0]!] as const;
  const others = await accelerator.gatherObject([seen]);
  for (const other of others) assert.deepEqual(other, seen);
  return seen;
}

for (const window of [1, 2])
  for (const splitBatches of [false, true])
    for (const dispatchBatches of [false, true]) {
      const config = { splitBatches, dispatchBatches, ignoreDuplicates: true };
      const [w, b] = await together(config, window);
      const [expectedW, expectedB] = alone(window);
      assert.ok(
        Math.abs(w - expectedW) < 1e-6 && Math.abs(b - expectedB) < 1e-6,
        `${JSON.stringify({ ...config, window, world })}: ${[w, b]} for ${[expectedW, expectedB]}`,
      );
    }
// What is filled in counts by default, as in Accelerate: more workers, another last step.
if (world > 1) assert.ok(Math.abs((await together({ splitBatches: true }, 1))[0] - alone(1)[0]) > 1e-4);
await using accelerator = new Accelerator();
accelerator.print("ok");
