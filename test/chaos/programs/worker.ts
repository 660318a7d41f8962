// Trains a small model for as long as it is told, among collectives of all sizes, and fails where and how it is told.
import { writeFileSync } from "node:fs";
import { Accelerator, DataLoader, SGD, type Tensor, tensor, zeros } from "accelerate-ts";
import { Linear, Module, mseLoss } from "accelerate-ts/nn";
import type { OwnFault, Place, WorkerTask } from "../task.js";

const { folder, steps, fault } = JSON.parse(process.argv[2]!) as WorkerTask;
const rank = Number(process.env.RANK ?? 0);
let step = 0;

const ways: Readonly<Record<OwnFault, () => void>> = {
  throw: () => {
    throw new RangeError(`chaos in ${fault?.place}`);
  },
  exit: () => process.exit(3),
  abort: () => process.abort(),
};
function at(place: Place): void {
  if (fault === undefined || fault.rank !== rank || step < fault.step || fault.place !== place) return;
  writeFileSync(`${folder}/fault`, String(performance.timeOrigin + performance.now()));
  ways[fault.kind]();
}

class Net extends Module {
  readonly first = new Linear(16, 32);
  readonly second = new Linear(32, 4);
  forward(x: Tensor): Tensor {
    return this.second(this.first(x).tanh());
  }
}

at("start");
await using accelerator = new Accelerator({ seed: 3 });
const model = new Net();
const optimizer = new SGD(model.parameters(), { lr: 0.01 });
const rows = Array.from({ length: 64 }, (_, row) => Array.from({ length: 16 }, (_, column) => Math.sin(row * 7 + column)));
const loader = new DataLoader(rows, {
  batchSize: 4,
  shuffle: true,
  collateFn: (items) => {
    at("data");
    return { x: tensor(items), y: tensor(items.map((item) => item.slice(0, 4))) };
  },
});
await accelerator.prepare(model, optimizer, loader);

const sizes = [1, 1000, 17, 300_000, 4096, 2_000_000];
/** Another collective each step, from some bytes to some megabytes. */
const collectives: readonly (() => Promise<unknown>)[] = [
  () => accelerator.reduce(zeros([sizes[step % sizes.length]!]), "sum"),
  () => accelerator.gather(tensor([rank, step])),
  () => accelerator.gatherObject([{ rank, text: "x".repeat(step % 5000) }]),
  () => accelerator.waitForEveryone(),
  () => accelerator.broadcastObject(rank === 0 ? { step } : undefined),
  () => accelerator.clipGradNorm(model.parameters(), 1),
];

while (step < steps) {
  for await (const { x, y } of loader) {
    at("forward");
    await accelerator.backward(mseLoss(model(x), y));
    at("gradient");
    const collective = collectives[step % collectives.length]!();
    at("collective");
    await collective;
    await optimizer.step();
    at("update");
    optimizer.zeroGrad();
    if (++step === 1) writeFileSync(`${folder}/training-${rank}`, "");
    if (step >= steps) break;
  }
}
await accelerator.waitForEveryone();
accelerator.print("finished");
