// A right call of each kind, then one that is wrong, whose message is printed.
import { Accelerator, tensor, zeros } from "accelerate-ts";

await using accelerator = new Accelerator();
const { processIndex: rank } = accelerator;
await accelerator.gather(zeros([rank, 3]));
await accelerator.reduce([tensor(rank), { x: tensor([1, 2]) }], "mean");
await accelerator.gatherObject([rank]);
await accelerator.broadcastObjectList([rank]);
await accelerator.mainProcessFirst(() => rank);
await accelerator.checkTrigger();
await accelerator.synchronizeRngStates();
await accelerator.waitForEveryone();
try {
  await accelerator.gather(zeros(rank === 0 ? [1, 5] : [1, 2, 5]));
} catch (error) {
  accelerator.print((error as Error).message);
}
