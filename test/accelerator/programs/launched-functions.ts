// Functions that launchers run in workers: none is the program of a process.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Accelerator, tensor } from "accelerate-ts";

/** The sum over ranks, with what was given. */
export async function sum(offset: number, names: ReadonlyMap<string, bigint>): Promise<{ rank: number; sum: number; names: ReadonlyMap<string, bigint> }> {
  await using accelerator = new Accelerator();
  console.log(`worker ${accelerator.processIndex} is here`);
  const total = await accelerator.reduce(tensor(accelerator.processIndex + offset));
  return { rank: accelerator.processIndex, sum: (await total.item()) as number, names };
}

/** Rank 1 fails while the others wait for it. */
export async function fail(): Promise<void> {
  await using accelerator = new Accelerator();
  if (accelerator.processIndex === 1) throw Object.assign(new RangeError("no data here"), { code: "E_DATA" });
  await accelerator.waitForEveryone();
}

export const leave = (): void => process.exit(0);
export const functionBack = (): unknown => () => 1;
export const tensorBack = (): unknown => tensor([1]);

/** Leaves a file with its number, and never ends by itself. */
export async function stay(folder: string): Promise<void> {
  writeFileSync(join(folder, `worker-${process.env.RANK}`), String(process.pid));
  await sleep(10 * 60_000);
}
