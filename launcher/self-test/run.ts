// accelerate-ts test: launches the self-test as the user's programs are launched, and tells what came of it.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Terminal } from "../command.js";
import { chooseDevice } from "../launch/device.js";
import { runLaunch } from "../launch/run.js";
import { loadSettings } from "../options/load-settings.js";
import type { RawOptions } from "../options/resolve.js";
import { type SelfTestReport, summary } from "./report.js";

/** Where neither a flag nor a variable nor a file says how many. */
const workers = "2";
/** What the checks count on, whatever the user's programs are run with. */
const fixed: RawOptions = { mixedPrecision: "no", gradientAccumulationSteps: "1" };
const script = fileURLToPath(new URL("./main.js", import.meta.url));

/** Launches the checks; the report is there when they have come to their end and this is machine 0. */
export async function launchSelfTest(
  flags: RawOptions,
  terminal: Terminal,
  folder: string,
  quiet: boolean,
): Promise<{ readonly code: number; readonly report?: SelfTestReport }> {
  const { settings } = await loadSettings({ flags, env: process.env, cwd: process.cwd() });
  const { numProcesses, numLocalProcesses, numMachines } = settings.values;
  const told = numProcesses !== undefined || numLocalProcesses !== undefined || (numMachines ?? 1) > 1;
  // One worker per GPU, as programs are launched.
  const device = told ? undefined : await chooseDevice(settings, process.env);
  const count: RawOptions = told || device?.type === "cuda" ? {} : { numProcesses: workers };
  const file = join(folder, "report.json");
  const code = await runLaunch(
    { ...flags, ...fixed, ...count, ...(quiet && { quiet: true }) },
    [script, folder, file, ...(quiet ? ["--quiet"] : [])],
    terminal,
  );
  return { code, ...(code === 0 && existsSync(file) && { report: JSON.parse(readFileSync(file, "utf8")) as SelfTestReport }) };
}

/** Resolves with the exit code: 0 when all checks have passed, that of the launch when it failed, else 1. */
export async function runSelfTest({ json, gpu, ...flags }: RawOptions, terminal: Terminal): Promise<number> {
  if (gpu) return (await import("./gpu-run.js")).runGpuTest({ json, ...flags }, terminal);
  const { machineRank } = (await loadSettings({ flags, env: process.env, cwd: process.cwd() })).settings.values;
  const folder = mkdtempSync(join(tmpdir(), "accelerate-ts-test-"));
  try {
    const { code, report } = await launchSelfTest(flags, terminal, folder, json === true);
    if (code === 0 && (machineRank ?? 0) > 0) {
      terminal.stderr.write("this machine's workers have ended in order; machine 0 tells the results\n");
      return 0;
    }
    if (!report) {
      if (json) terminal.stdout.write(`${JSON.stringify({ passed: false, exitCode: code, checks: [] }, null, 2)}\n`);
      else terminal.stderr.write(`the self-test broke off (exit code ${code}): what is written above says where\n`);
      return code || 1;
    }
    terminal.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : `${summary(report)}\n`);
    return report.passed ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
