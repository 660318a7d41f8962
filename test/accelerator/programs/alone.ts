// Trains on several workers without an Accelerator.
import { SGD, tensor } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";

const layer = new Linear(2, 1);
const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
for (let step = 0; step < 2; step++) {
  await layer(tensor([[1, 2]]))
    .sum()
    .backward();
  await optimizer.step();
  optimizer.zeroGrad();
}
