// Workers that do not build the same thing; the argument says in what they differ.
import { Accelerator, AdamW, DataLoader } from "accelerate-ts";
import { Linear, Module } from "accelerate-ts/nn";

await using accelerator = new Accelerator();
const odd = accelerator.processIndex === 1;
class Two extends Module {
  readonly first = new Linear(4, 4);
  readonly second: Linear;
  constructor(size: number) {
    super();
    this.second = new Linear(4, size);
  }
  forward(): void {}
}
const kind = process.argv[2];
const model = new Two(kind === "shape" && odd ? 3 : 2);
const optimizer = new AdamW(model.parameters());
const loader = new DataLoader([1, 2, 3], { batchSize: kind === "loader" && odd ? 2 : 1 });
if (kind === "order" && odd) await accelerator.prepare(optimizer, model);
else if (kind === "step") {
  await accelerator.prepare(model, optimizer);
  if (odd) await accelerator.waitForEveryone();
  else await optimizer.step();
} else await accelerator.prepare(model, optimizer, loader);
