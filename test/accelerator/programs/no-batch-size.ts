// No batch size fits, which the program catches; it goes on, and ends later by an exit code of its own.
import assert from "node:assert/strict";
import { Accelerator } from "accelerate-ts";

const accelerator = new Accelerator();
const { processIndex: rank } = accelerator;
const search = (reduce: (n: number) => number) =>
  accelerator.findExecutableBatchSize(
    async () => {
      if (rank === 1) new Float32Array(2 ** 50);
      await accelerator.waitForEveryone();
    },
    { startingBatchSize: 2, reduce, onTry: () => {} },
  );
await assert.rejects(
  search((n) => n - 1),
  { code: "ERR_NO_BATCH_SIZE" },
);
await assert.rejects(
  search((n) => n),
  /reduce\(2\) is 2/,
);
assert.deepEqual(await accelerator.gatherObject([rank]), [0, 1]);
accelerator.print("went on");
await accelerator.waitForEveryone();
process.exit(7);
