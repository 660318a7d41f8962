// Memory runs out on one worker while the others wait for it in the middle of a step: all go on together with the next size. Ends with "ok" from the main process.
import assert from "node:assert/strict";
import { type AccelerateError, Accelerator, DataLoader, SGD, tensor } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";

await using accelerator = new Accelerator({ seed: 1 });
const { processIndex: rank, numProcesses: world } = accelerator;
const lines: string[] = [];
const onTry = (line: string) => lines.push(line);
const allocate = () => new Float32Array(2 ** 50);
const rows = Array.from({ length: 400 }, (_, i) => ({ x: [i / 400], y: [(2 * i) / 400 + 3] }));

// The last worker has room for 20 rows, the others for more; each try trains a model of its own.
const tried: number[] = [];
const result = await accelerator.findExecutableBatchSize(
  async (batchSize, fits) => {
    tried.push(batchSize);
    const model = new Linear(1, 1);
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    const loader = new DataLoader(rows, { batchSize });
    await accelerator.prepare(model, optimizer, loader);
    let steps = 0;
    for await (const { x, y } of loader) {
      const loss = model(x).sub(y).mul(model(x).sub(y)).mean();
      await accelerator.backward(loss);
      if (rank === world - 1 && batchSize > 20) allocate(); // the others are in optimizer.step
      if (rank === 0 && batchSize > 100) allocate();
      await optimizer.step();
      optimizer.zeroGrad();
      steps++;
      await fits();
    }
    const weights = await accelerator.gather(model.weight.reshape([1]));
    return { batchSize, steps, weights: [...(await weights.data())] };
  },
  { onTry },
);
assert.deepEqual(tried, [128, 64, 32, 16, 24, 20, 22, 21, 20]);
assert.equal(result.batchSize, 20);
assert.equal(result.steps, Math.ceil(rows.length / 20 / world));
assert.ok(result.weights.every((w) => w === result.weights[0] && w !== 0));
assert.deepEqual((await accelerator.gatherObject([tried])).at(-1), tried);
assert.equal(lines.length, rank === 0 ? 9 : 0);
if (rank === 0) {
  assert.match(lines[1]!, new RegExp(`^batch size 64 does not fit \\(rank ${world - 1} ran out of memory in try 2, at batch size 64: RangeError: `));
  assert.deepEqual([lines[3], lines[5], lines[8]], ["batch size 16 fits", "batch size 20 fits", "going on with batch size 20"]);
}

// Without any call to the others in the body, and with starts that differ: the smallest counts.
const alone = await accelerator.findExecutableBatchSize((n) => (rank === 0 && n > 5 ? allocate() : n), { startingBatchSize: 20 + rank, onTry });
assert.equal(alone, 5);
await assert.rejects(
  accelerator.findExecutableBatchSize(() => (rank === world - 1 ? allocate() : 1), { startingBatchSize: 2, onTry }),
  (error: AccelerateError) => {
    assert.equal(error.message, "No executable batch size found, reached zero.");
    return true;
  },
);
// All is well afterwards.
assert.deepEqual(
  await (await accelerator.gather(tensor(rank))).toArray(),
  Array.from({ length: world }, (_, r) => r),
);
await accelerator.waitForEveryone();
accelerator.print("ok");
