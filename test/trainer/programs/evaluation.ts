// Evaluates the cases of the golden file that are for as many workers as there are; run under launch. All workers must have the same results.
//   launch --num-processes 2 evaluation.js FOLDER      writes FOLDER/<number of the case>.json
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Accelerator } from "accelerate-ts";
import { evaluationGolden, runEvaluation } from "../evaluation-runs.js";

const folder = process.argv[2]!;
const accelerator = new Accelerator();
const golden = await evaluationGolden();
for (const [i, wanted] of golden.cases.entries()) {
  if (wanted.world !== accelerator.numProcesses) continue;
  const result = JSON.parse(JSON.stringify(await runEvaluation(golden, wanted, join(folder, String(i))))) as object;
  const [first, ...others] = await accelerator.gatherObject([result]);
  for (const other of others) assert.deepEqual(other, first, wanted.name);
  if (accelerator.isMainProcess) await writeFile(join(folder, `${i}.json`), JSON.stringify(result));
}
