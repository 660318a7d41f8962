// trainCh13: the book's sums, its gradient of a sum, what it prints; lazy layers that an optimizer has not seen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Adam, DataLoader, setSeed, SGD, type Tensor, tensor } from "../../src/index.js";
import { accuracy, Accumulator, Animator, evaluateAccuracy, Timer, trainBatchCh13, trainCh13, tryAllGpus, tryGpu } from "../../src/d2l/index.js";
import { deviceText } from "../../src/d2l/devices.js";
import { crossEntropy, LazyLinear, Linear, Module, mseLoss } from "../../src/nn/index.js";
import { launched, lines, plain } from "../examples/launched.js";
import { printed } from "./support.js";

const loss = (predicted: Tensor, y: Tensor) => crossEntropy(predicted, y, { reduction: "none" });
/** Rows whose class is the place of their largest number. */
const rows = (count: number) =>
  Array.from({ length: count }, (_, i): [number[], number] => {
    const x = [Math.sin(i), Math.cos(i * 1.3), Math.sin(i * 2.1)];
    return [x, x.indexOf(Math.max(...x))];
  });
class Classifier extends Module {
  readonly output = new LazyLinear(3);
  forward(x: Tensor): Tensor {
    return this.output(x);
  }
}
const silent = () => {
  const points: { x: number; y: readonly (number | undefined)[] }[] = [];
  const animator = new Animator({ legend: ["train loss", "train acc", "test acc"], screen: { isTTY: false, columns: 80, color: false, write: () => {} } });
  const add = animator.add.bind(animator);
  animator.add = (x, y) => {
    points.push({ x, y: y as readonly (number | undefined)[] });
    add(x, y);
  };
  return { animator, points };
};

test("a step takes the gradient of the sum of the losses, and counts the batch", async () => {
  const net = new Linear(2, 3);
  net.weight.values().fill(0);
  net.bias!.values().fill(0);
  const [x, y] = [
    tensor([
      [1, 2],
      [3, 4],
    ]),
    tensor([0, 2], { dtype: "int64" }),
  ];
  const sums = await trainBatchCh13(net, x, y, loss, new SGD(net.parameters(), { lr: 1 }));
  assert.ok(Math.abs(sums.loss - 2 * Math.log(3)) < 1e-5);
  assert.deepEqual([sums.correct, sums.examples, sums.labels], [1, 2, 2]);
  // -(sum over rows of (p - onehot) x), p = 1/3 everywhere
  const expected = [1 - 4 / 3, 2 - 6 / 3, -4 / 3, -6 / 3, 3 - 4 / 3, 4 - 6 / 3];
  for (const [i, w] of net.weight.values().entries()) assert.ok(Math.abs(w - expected[i]!) < 1e-5, `${i}: ${w}`);
});

test("a loss of one number is a sum already", async () => {
  const net = new Linear(1, 1);
  const y = tensor([[1], [2]]);
  const sums = await trainBatchCh13(net, tensor([[1], [2]]), y, (p, t) => mseLoss(p, t, { reduction: "sum" }), new SGD(net.parameters(), { lr: 0.01 }));
  assert.equal(sums.examples, 2);
  assert.ok(Number.isFinite(sums.loss));
});

test("it trains a lazy layer that the optimizer was made before, and prints the last epoch", async () => {
  setSeed(3);
  const net = new Classifier();
  const trainer = new Adam(net.parameters(), { lr: 0.05 });
  const { animator, points } = silent();
  const train = new DataLoader(rows(50), { batchSize: 4, shuffle: true });
  let result: Awaited<ReturnType<typeof trainCh13>> | undefined;
  const lines = await printed(async () => {
    result = await trainCh13(net, train, new DataLoader(rows(20), { batchSize: 8 }), loss, trainer, { numEpochs: 3, animator });
  });
  assert.match(lines[0]!, /^loss \d\.\d{3}, train acc [01]\.\d{3}, test acc [01]\.\d{3}$/);
  assert.match(lines[1]!, /^\d+\.\d examples\/sec on \[device\(type='cpu'\)\]$/);
  assert.equal(lines.length, 2);
  assert.ok(result!.trainAcc > 0.8 && result!.testAcc > 0.8, JSON.stringify(result));
  // 13 batches: points at 2, 4, ... 12 and at the end, then the test accuracy.
  assert.deepEqual(
    points.slice(0, 8).map(({ x }) => Math.round(x * 13)),
    [2, 4, 6, 8, 10, 12, 13, 13],
  );
  assert.equal(points[6]!.x, 1);
  assert.deepEqual(points[7]!.y.slice(0, 2), [undefined, undefined]);
  assert.equal(net.training, false, "evaluation comes last");
});

test("fewer than five batches an epoch divide by no zero; none at all is an error", async () => {
  const { animator, points } = silent();
  const net = new Classifier();
  const few = new DataLoader(rows(3), { batchSize: 2 });
  await printed(() => trainCh13(net, few, few, loss, new Adam(net.parameters()), { numEpochs: 1, animator }));
  assert.deepEqual(
    points.map(({ x }) => x),
    [0.5, 1, 1],
  );
  const none = new DataLoader(rows(1), { batchSize: 2, dropLast: true });
  await assert.rejects(trainCh13(net, none, few, loss, new Adam(net.parameters()), { numEpochs: 1 }), { code: "ERR_NO_BATCHES" });
  await assert.rejects(trainCh13(net, few, few, loss, new Adam(net.parameters()), { numEpochs: 0 }), /numEpochs is 0/);
});

test("accuracy takes scores or classes", async () => {
  assert.equal(
    await accuracy(
      tensor([
        [0.1, 0.9],
        [0.8, 0.2],
      ]),
      tensor([1, 1], { dtype: "int64" }),
    ),
    1,
  );
  assert.equal(await accuracy(tensor([1, 2, 3]), tensor([1, 0, 3], { dtype: "int64" })), 2);
  const net = new Linear(3, 3);
  net.weight.values().set([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  net.bias!.values().fill(0);
  assert.equal(await evaluateAccuracy(net, new DataLoader(rows(10), { batchSize: 4 })), 1);
});

test("timers and accumulators count; without a GPU there is the processor", () => {
  const timer = new Timer();
  timer.stop();
  timer.start();
  timer.stop();
  assert.equal(timer.times.length, 2);
  assert.equal(timer.sum(), timer.cumsum().at(-1));
  assert.equal(timer.avg(), timer.sum() / 2);
  const metric = new Accumulator(2);
  metric.add(1, 2);
  metric.add(3, 4);
  assert.deepEqual([metric.get(0), metric.get(1)], [4, 6]);
  metric.reset();
  assert.equal(metric.get(0), 0);
  assert.deepEqual(tryAllGpus().map(String), ["cpu"]);
  assert.equal(String(tryGpu(3)), "cpu");
  assert.deepEqual([{ type: "cuda", index: 1 }, tryGpu()].map(deviceText), ["device(type='cuda', index=1)", "device(type='cpu')"]);
});

interface Seen {
  readonly loss: number;
  readonly trainAcc: number;
  readonly testAcc: number;
  readonly points: readonly (readonly [x: number, y: readonly number[]])[];
  readonly weight: readonly number[];
}
test("two workers sum up to what one does with batches twice as large, and count every row once", async () => {
  const program = fileURLToPath(new URL("./workers-program.js", import.meta.url));
  const outputs = await Promise.all([plain([program, "8"]), launched(2)([program, "4"])]);
  const [one, two] = outputs.map(({ stdout }) => {
    const shown = lines(stdout);
    assert.equal(shown.filter((line) => line.startsWith("loss ")).length, 1, stdout);
    return JSON.parse(shown.find((line) => line.startsWith("{"))!) as Seen;
  }) as [Seen, Seen];
  assert.ok(outputs[1]!.stdout.includes("[device(type='cpu'), device(type='cpu')]"));
  assert.equal(one.testAcc, two.testAcc);
  assert.equal(one.trainAcc, two.trainAcc);
  assert.ok(Math.abs(one.loss - two.loss) < 1e-5, `${one.loss}, ${two.loss}`);
  assert.deepEqual(
    one.points.map(([x]) => x),
    two.points.map(([x]) => x),
  );
  for (const [i, w] of one.weight.entries()) assert.ok(Math.abs(w - two.weight[i]!) < 1e-5, `weight ${i}: ${w}, ${two.weight[i]}`);
});
