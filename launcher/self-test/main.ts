// The self-test: what `accelerate-ts test` runs on every worker. Arguments: the folder of this run, the file for the results, and --quiet for no line per check.
import { writeFileSync } from "node:fs";
import { Accelerator } from "../../src/accelerator/index.js";
import { collectiveChecks } from "./collectives.js";
import { dataChecks } from "./data.js";
import { runChecks } from "./runner.js";
import { trainingChecks } from "./training.js";

const [folder, reportFile, quiet] = process.argv.slice(2);
if (folder === undefined || reportFile === undefined) throw new Error("this program is started by: accelerate-ts test");

await using accelerator = new Accelerator({ seed: 7, gradientAccumulationSteps: 1 });
const report = await runChecks([...collectiveChecks, ...dataChecks, ...trainingChecks], {
  accelerator,
  folder,
  say: (line) => {
    if (accelerator.isMainProcess && quiet === undefined) console.log(line);
  },
});
if (accelerator.isMainProcess) writeFileSync(reportFile, JSON.stringify(report));
