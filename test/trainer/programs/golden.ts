// Trains cases of the golden file; run under launch with as many workers as they are for.
//   launch --num-processes 2 golden.js FOLDER NUMBER ...      writes FOLDER/NUMBER.json
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Accelerator } from "accelerate-ts";
import { goldenRuns, runGolden } from "../golden-runs.js";

const [folder, ...numbers] = process.argv.slice(2);
const accelerator = new Accelerator();
const golden = await goldenRuns();
for (const number of numbers) {
  const wanted = golden.cases[Number(number)]!;
  if (wanted.world !== accelerator.numProcesses) throw new Error(`${wanted.name} is for ${wanted.world} workers`);
  const result = await runGolden(golden, wanted, join(folder!, number));
  if (accelerator.isMainProcess) await writeFile(join(folder!, `${number}.json`), JSON.stringify(result));
}
