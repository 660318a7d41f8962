// Trains with Adafactor on any number of workers, whose batches are the same: with one, two and four workers their mean is so, too, bit for bit.
//   launch --num-processes N factored.js <folder> save | load
import { writeFile } from "node:fs/promises";
import { Accelerator, Adafactor, setSeed, type Tensor, tensor } from "accelerate-ts";
import { Linear, Module } from "accelerate-ts/nn";

class Layers extends Module {
  readonly first = new Linear(6, 37);
  readonly unused = new Linear(5, 5);
  readonly second = new Linear(37, 3);
  forward(x: Tensor): Tensor {
    return this.second(this.first(x).tanh());
  }
}

const [folder, mode] = process.argv.slice(2);
setSeed(3);
const model = new Layers();
await using accelerator = new Accelerator({ projectConfig: { projectDir: folder! } });
const optimizer = new Adafactor(model.parameters(), { beta1: 0.5 });
await accelerator.prepare(model, optimizer);
const train = async (from: number, to: number): Promise<void> => {
  for (let t = from; t < to; t++) {
    const x = tensor(Array.from({ length: 4 }, (_, row) => Array.from({ length: 6 }, (__, column) => Math.sin(t + row * 1.3 + column * 0.7))));
    await accelerator.backward(model(x).pow(2).mean());
    await optimizer.step();
    optimizer.zeroGrad();
  }
};
if (mode === "save") {
  await train(0, 4);
  await accelerator.saveState(`${folder}/checkpoint`);
} else await accelerator.loadState(`${folder}/checkpoint`);
await train(4, 8);
const { state } = optimizer.stateDict();
const lengths = Object.fromEntries(
  Object.entries(state).map(([name, own]) => [name, Object.fromEntries(Object.entries(own).map(([key, v]) => [key, typeof v === "number" ? v : v.length]))]),
);
const result = {
  values: [...model.parameters()].map((p) => [...p.values()]),
  state: Object.values(state).map((own) => Object.values(own).flatMap((v) => (typeof v === "number" ? [v] : [...(v as Float32Array)]))),
  lengths,
};
await accelerator.onMainProcess(() => writeFile(`${folder}/${mode}-${accelerator.numProcesses}.json`, JSON.stringify(result)));
