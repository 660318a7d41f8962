// Runs checks one after the other on every worker, and brings together what they have found.
import type { Accelerator } from "../../src/accelerator/index.js";
import { type Check, type CheckResult, Expectations, type Finding } from "./check.js";
import { findingTexts, type SelfTestReport } from "./report.js";

export interface RunOptions {
  readonly accelerator: Accelerator;
  /** Of this run; the workers of one machine share it. */
  readonly folder: string;
  /** Lines of the main process, one check after the other. */
  readonly say: (line: string) => void;
}

/**
 * The same report on every worker.
 * @throws Error that names the check, when one does not come to its end on this worker: nothing can be agreed with the others then, and the launcher ends them
 */
export async function runChecks(checks: readonly Check[], { accelerator, folder, say }: RunOptions): Promise<SelfTestReport> {
  const { processIndex: rank, numProcesses: world } = accelerator;
  const ranks = Array.from({ length: world }, (_, r) => r);
  const results: CheckResult[] = [];
  for (const { name, run } of checks) {
    const started = performance.now();
    const expect = new Expectations(rank);
    try {
      await run({ accelerator, rank, world, ranks, expect, folder });
    } catch (cause) {
      throw new Error(`self-test: the check "${name}" broke off on worker ${rank}: ${String(cause)}`, { cause });
    }
    const findings: Finding[] = await accelerator.gatherObject(expect.findings);
    const passed = findings.length === 0;
    results.push({ name, passed, ms: Math.round(performance.now() - started), findings });
    say(passed ? `ok      ${name}` : [`FAILED  ${name}`, ...findingTexts(findings).map((text) => `        ${text}`)].join("\n"));
  }
  return { passed: results.every(({ passed }) => passed), workers: world, device: String(accelerator.device), checks: results };
}
