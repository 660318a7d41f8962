// accelerate-ts test: launches the self-test as the user's programs are launched, and tells what came of it.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Terminal } from "../command.js";
import { runLaunch } from "../launch/run.js";
import { loadSettings } from "../options/load-settings.js";
import type { RawOptions } from "../options/resolve.js";
import { type SelfTestReport, summary } from "./report.js";

/** Where neither a flag nor a variable nor a file says how many. */
const workers = "2";
/** What the checks count on, whatever the user's programs are run with. */
const fixed: RawOptions = { mixedPrecision: "no", gradientAccumulationSteps: "1" };
const script = fileURLToPath(new URL("./main.js", import.meta.url));

/** Resolves with the exit code: 0 when all checks have passed, that of the launch when it failed, else 1. */
export async function runSelfTest({ json, ...flags }: RawOptions, terminal: Terminal): Promise<number> {
  const { numProcesses, numLocalProcesses, machineRank, numMachines } = (await loadSettings({ flags, env: process.env, cwd: process.cwd() })).settings.values;
  const alone = (numMachines ?? 1) === 1;
  const told = numProcesses !== undefined || numLocalProcesses !== undefined || !alone;
  const folder = mkdtempSync(join(tmpdir(), "accelerate-ts-test-"));
  try {
    const report = join(folder, "report.json");
    const quiet = json ? ["--quiet"] : [];
    const code = await runLaunch({ ...flags, ...fixed, ...(told ? {} : { numProcesses: workers }) }, [script, folder, report, ...quiet], terminal);
    if (code === 0 && (machineRank ?? 0) > 0) {
      terminal.stderr.write("this machine's workers have ended in order; machine 0 tells the results\n");
      return 0;
    }
    if (code !== 0 || !existsSync(report)) {
      if (json) terminal.stdout.write(`${JSON.stringify({ passed: false, exitCode: code, checks: [] }, null, 2)}\n`);
      else terminal.stderr.write(`the self-test broke off (exit code ${code}): what is written above says where\n`);
      return code || 1;
    }
    const result = JSON.parse(readFileSync(report, "utf8")) as SelfTestReport;
    terminal.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : `${summary(result)}\n`);
    return result.passed ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
