// Trains on several workers with an Accelerator that was given the loader alone.
import { Accelerator, DataLoader, SGD } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";

await using accelerator = new Accelerator();
const layer = new Linear(1, 1);
const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
const loader = new DataLoader([[1], [2], [3], [4]]);
await accelerator.prepare(loader);
for await (const x of loader) {
  await accelerator.backward(layer(x.to("float32")).sum());
  await optimizer.step();
  optimizer.zeroGrad();
}
