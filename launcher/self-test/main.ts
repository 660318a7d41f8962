// The self-test: what `accelerate-ts test` runs on every worker. Arguments: the folder of this run, the file for the results, and --quiet for no line per check.
import { writeFileSync } from "node:fs";
import { Accelerator } from "../../src/accelerator/index.js";
import { type Check, type CheckResult, Expectations, type Finding } from "./check.js";
import { collectiveChecks } from "./collectives.js";
import { dataChecks } from "./data.js";
import { type SelfTestReport, findingTexts } from "./report.js";
import { accumulationSteps, trainingChecks } from "./training.js";

const checks: readonly Check[] = [...collectiveChecks, ...dataChecks, ...trainingChecks];
const [folder, reportFile, quiet] = process.argv.slice(2);
if (folder === undefined || reportFile === undefined) throw new Error("this program is started by: accelerate-ts test");

await using accelerator = new Accelerator({ seed: 7, gradientAccumulationSteps: accumulationSteps });
const { processIndex: rank, numProcesses: world } = accelerator;
const ranks = Array.from({ length: world }, (_, r) => r);
const say = (line: string): void => {
  if (rank === 0 && quiet === undefined) console.log(line);
};

const results: CheckResult[] = [];
for (const { name, run } of checks) {
  const started = performance.now();
  const expect = new Expectations(rank);
  try {
    await run({ accelerator, rank, world, ranks, expect, folder });
  } catch (cause) {
    // The others may be somewhere else by now: nothing can be agreed with them, the launcher ends all.
    throw new Error(`self-test: the check "${name}" broke off on worker ${rank}`, { cause });
  }
  const findings: Finding[] = await accelerator.gatherObject(expect.findings);
  results.push({ name, passed: findings.length === 0, ms: performance.now() - started, findings });
  say(findings.length === 0 ? `ok      ${name}` : [`FAILED  ${name}`, ...findingTexts(findings).map((text) => `        ${text}`)].join("\n"));
}
if (rank === 0) {
  const report: SelfTestReport = { passed: results.every(({ passed }) => passed), workers: world, device: String(accelerator.device), checks: results };
  writeFileSync(reportFile, JSON.stringify(report));
}
