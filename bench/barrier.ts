// The least that workers can do together; bench/peers/barrier.py is Python's. With --crash the last one fails while the others wait, and says when.
//   accelerate-ts launch --num-processes 2 dist/bench/barrier.js [--crash]
import { Accelerator } from "accelerate-ts";

await using accelerator = new Accelerator();
if (process.argv.includes("--crash")) {
  await accelerator.waitForEveryone();
  if (accelerator.processIndex === accelerator.numProcesses - 1) throw new Error(`crashed at ${Date.now()}`);
}
await accelerator.waitForEveryone();
accelerator.print("all are here");
