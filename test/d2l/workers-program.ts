// Trains a lazy classifier with trainCh13 and prints what came out, for the test that compares one worker with two. Its argument is the batch size of a worker.
import { Accelerator, DataLoader, SGD, type Tensor } from "../../src/index.js";
import { Animator, trainCh13 } from "../../src/d2l/index.js";
import { crossEntropy, LazyLinear, Module } from "../../src/nn/index.js";

class Classifier extends Module {
  readonly first = new LazyLinear(6);
  readonly output = new LazyLinear(3);
  forward(x: Tensor): Tensor {
    return this.output(this.first(x).tanh());
  }
}
const rows = (count: number, from: number) =>
  Array.from({ length: count }, (_, k): [number[], number] => {
    const i = from + k;
    const x = [Math.sin(i), Math.cos(i * 1.3), Math.sin(i * 2.1)];
    return [x, x.indexOf(Math.max(...x))];
  });

const batchSize = Number(process.argv[2]);
await using accelerator = new Accelerator({ seed: 5 });
const net = new Classifier();
const trainer = new SGD(net.parameters(), { lr: 0.02 });
const loss = (predicted: Tensor, y: Tensor) => crossEntropy(predicted, y, { reduction: "none" });
const points: unknown[] = [];
const animator = new Animator({ legend: ["train loss", "train acc", "test acc"], screen: { isTTY: false, columns: 80, color: false, write: () => {} } });
animator.add = (x, y) => void points.push([x, y]);
// 21 rows to test: the last batch is filled up, and what fills it must not count.
const [trainIter, testIter] = [new DataLoader(rows(24, 0), { batchSize }), new DataLoader(rows(21, 100), { batchSize })];
const result = await trainCh13(net, trainIter, testIter, loss, trainer, { numEpochs: 3, accelerator, animator });
accelerator.print(JSON.stringify({ ...result, examplesPerSecond: 0, points, weight: [...net.output.weight!.values()] }));
